import bearerAuth from '@fastify/bearer-auth'
import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(bearerAuth, { keys: new Set([process.env.API_KEY ?? 'only for this page']) })
await app.register(balancer, { prefix: '/users', targets: ['http://127.0.0.1:37543', 'http://127.0.0.1:33559'] })
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
