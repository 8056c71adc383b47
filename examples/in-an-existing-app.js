// Forwarded routes live beside the app's own and obey the same hooks.
import Fastify from 'fastify'
import balancer from 'fastify-balancer'

const upstream = Fastify().get('/*', async request => ({ path: request.url, user: request.headers['x-user'] }))
const target = await upstream.listen({ port: 0, host: '127.0.0.1' })

const app = Fastify()
app.decorateRequest('user', null)
app.addHook('onSend', async (request, reply) => { reply.header('x-request-id', request.id) })
app.get('/about', async () => ({ version: 1 }))

async function authenticate (request, reply) {
  if (request.headers.authorization !== 'Bearer secret') return reply.code(401).send({ error: 'who are you?' })
  request.user = 'ada'
}

await app.register(balancer, {
  prefix: '/api',
  rewritePrefix: '/v2',
  targets: [target],
  preHandler: authenticate,
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => ({ ...headers, 'x-user': request.user })
  }
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })

for (const [path, authorization] of [['/about', ''], ['/api/orders', ''], ['/api/orders', 'Bearer secret']]) {
  const response = await fetch(url + path, { headers: { authorization } })
  console.log(response.headers.get('x-request-id'), path, response.status, await response.text())
}

await app.close()
await upstream.close()
