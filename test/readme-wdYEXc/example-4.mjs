import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(balancer, {
  targets: ['http://127.0.0.1:36319', 'http://127.0.0.1:41737'],
  limits: { target: 50, queue: 100, queueTimeout: 500 },
  importance: request => request.headers.authorization === undefined ? 0 : 1,
  retries: { max: 1, budget: { share: 0.1 } },
  timeouts: { headers: 5000, total: 10_000 },
  deadline: { header: 'x-request-timeout', send: true }
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
