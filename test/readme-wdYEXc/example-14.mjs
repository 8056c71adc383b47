import Fastify from 'fastify'
import balancer, { forwardAuth } from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(balancer, {
  pools: { auth: { targets: ['http://127.0.0.1:43753'] }, users: { targets: ['http://127.0.0.1:42553', 'http://127.0.0.1:41769'] } },
  routes: [{ prefix: '/users', pool: 'users', onRequest: forwardAuth({ pool: 'auth', path: '/verify', copy: ['x-user-id'] }) }]
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
