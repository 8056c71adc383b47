import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify({ logger: false })
await app.register(balancer, {
  prefix: '/users',
  targets: ['http://127.0.0.1:33965', 'http://127.0.0.1:43921'],
  health: { path: '/healthz' }
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
