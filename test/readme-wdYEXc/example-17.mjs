import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"
import { kubernetes } from "file:///work/main/lib/kubernetes/index.ts"

const app = Fastify()
await app.register(balancer, {
  prefix: '/users',
  discovery: kubernetes({ service: 'users', namespace: 'shop', port: 'http' })
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
