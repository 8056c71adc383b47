import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify({
  logger: { level: 'silent',
    serializers: {
      res: (reply) => ({ statusCode: reply.statusCode, attempts: reply.request?.attempts })
    }
  }
})
await app.register(balancer, { targets: ['http://127.0.0.1:34471', 'http://127.0.0.1:45663'] })
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
