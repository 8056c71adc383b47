import Fastify from 'fastify'
import balancer from "file:///work/main/lib/index.ts"

const app = Fastify()
await app.register(balancer, {
  pools: {
    users: { targets: ['http://127.0.0.1:43427', { url: 'http://127.0.0.1:39169', weight: 2 }], health: { path: '/healthz' } },
    orders: { targets: ['http://127.0.0.1:41635', 'http://127.0.0.1:33459/base'], policy: 'least-requests' }
  },
  routes: [
    { prefix: '/users', pool: 'users' },
    { prefix: '/orders', pool: 'orders', rewritePrefix: '/v2/orders', preHandler: async (request) => { request.log.info('checked') } }
  ]
})

app.get('/profile/:id', async (request) => {
  const id = encodeURIComponent(request.params.id)
  const [user, orders] = await Promise.all([
    app.upstreams.users.request({ method: 'GET', path: `/${id}` }),
    app.upstreams.orders.request({ method: 'GET', path: `/v2/orders?user=${id}` })
  ])
  return { user: await user.body.json(), orders: await orders.body.json() }
})
await app.listen({ port: 0, host: '127.0.0.1' })

export { app }
