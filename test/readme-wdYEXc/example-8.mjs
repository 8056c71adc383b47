import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(balancer, {
  prefix: '/chat',
  targets: ['http://127.0.0.1:36173', 'http://127.0.0.1:37693'],
  policy: 'least-requests',
  websocket: true
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
