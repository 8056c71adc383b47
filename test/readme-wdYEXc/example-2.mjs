import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(balancer, {
  targets: ['http://127.0.0.1:42225', 'http://127.0.0.1:41637'],
  policy: (targets, { key, attempt }) => targets.reduce((best, target) => target.inFlight < best.inFlight ? target : best)
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
