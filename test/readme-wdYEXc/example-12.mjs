import basicAuth from '@fastify/basic-auth'
import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(basicAuth, {
  authenticate: { realm: 'users' },
  async validate (user, password) { if (user !== 'ada' || password !== process.env.ADAS_PASSWORD) throw new Error('wrong user or password') }
})
app.addHook('onRequest', app.basicAuth)
await app.register(balancer, { prefix: '/users', targets: ['http://127.0.0.1:46091', 'http://127.0.0.1:45021'] })
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
