import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(balancer, {
  zone: 'eu-1a',
  targets: [
    { url: 'http://127.0.0.1:41953', zone: 'eu-1a' },
    { url: 'http://127.0.0.1:40415', zone: 'eu-1b' },
    { url: 'http://127.0.0.1:35929', priority: 1 }
  ],
  slowStart: 10_000
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
