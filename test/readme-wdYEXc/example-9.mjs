import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(rateLimit, { max: 1, timeWindow: '1 minute' })
await app.register(balancer, { prefix: '/users', targets: ['http://127.0.0.1:46333', 'http://127.0.0.1:42259'] })
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
