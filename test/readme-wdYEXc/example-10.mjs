import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import balancer, { identity } from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(jwt, { secret: process.env.JWT_SECRET ?? 'only for this page' })
app.addHook('onRequest', async request => { await request.jwtVerify() })
app.addHook('onRequest', identity({ 'x-user-id': request => request.user.sub }))
await app.register(balancer, { prefix: '/users', targets: ['http://127.0.0.1:34675', 'http://127.0.0.1:43365'] })
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
