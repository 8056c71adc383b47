import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(balancer, {
  targets: ['http://127.0.0.1:35847', 'http://127.0.0.1:35803'],
  affinity: { cookie: 'route', secret: process.env.ROUTE_SECRET ?? 'at least sixteen characters' }
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
