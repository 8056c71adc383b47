import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(balancer, {
  targets: ['https://127.0.0.1:42705', 'https://127.0.0.1:35909'],
  tls: { caFile: '/work/main/test/kit/tls/ca.pem', certFile: '/work/main/test/kit/tls/client.pem', keyFile: '/work/main/test/kit/tls/client-key.pem' }
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
