// One handler asks two pools at the same time and answers with both. A pool is an undici Dispatcher.
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

const users = Fastify().get('/users/:id', async request => ({ id: request.params.id, name: 'Ada' }))
const orders = Fastify().get('/orders', async request => [{ user: request.query.user, item: 'tea' }])
const [usersUrl, ordersUrl] = await Promise.all([users, orders].map(upstream => upstream.listen({ port: 0, host: '127.0.0.1' })))

const app = Fastify()
await app.register(balancer, {
  pools: {
    users: { targets: [usersUrl] },
    orders: { targets: [ordersUrl] }
  }
})

app.get('/profile/:id', async request => {
  const id = encodeURIComponent(request.params.id)
  const [user, orders] = await Promise.all([
    getJson(app.upstreams.users, `/users/${id}`),
    getJson(app.upstreams.orders, `/orders?user=${id}`)
  ])
  return { ...user, orders }
})

async function getJson (pool, path) {
  const { statusCode, body } = await pool.request({ method: 'GET', path })
  if (statusCode !== 200) throw new Error(`${pool.name} answered ${statusCode}`)
  return await body.json()
}

const url = await app.listen({ port: 0, host: '127.0.0.1' })
console.log(await (await fetch(`${url}/profile/42`)).text())

await app.close()
await Promise.all([users, orders].map(upstream => upstream.close()))
