import compress from '@fastify/compress'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import underPressure from '@fastify/under-pressure'
import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(cors, { origin: ['https://shop.example'] })
await app.register(helmet)
await app.register(underPressure, { maxEventLoopDelay: 1000 })
await app.register(compress, { globalDecompression: false })
await app.register(balancer, { prefix: '/users', targets: ['http://127.0.0.1:37079', 'http://127.0.0.1:39801'] })
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
