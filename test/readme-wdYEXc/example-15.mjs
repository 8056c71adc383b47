import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(balancer, { name: 'api', targets: ['http://127.0.0.1:36409'] })
await app.listen({ port: 0, host: '127.0.0.1' })

const { api } = app.upstreams
api.add('http://127.0.0.1:33293')
api.drain('http://127.0.0.1:36409')
await api.set(['http://127.0.0.1:33293', { url: 'http://127.0.0.1:35075', weight: 3 }])

export { app }
