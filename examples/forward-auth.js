// Another service says whether a request may pass, and who it is from; one of its targets is down.
import Fastify from 'fastify'
import balancer, { forwardAuth } from 'fastify-balancer'

const auth = Fastify().get('/verify', async (request, reply) => {
  const { authorization, 'x-forwarded-method': method, 'x-forwarded-uri': uri } = request.headers
  console.log('auth is asked about', method, uri)
  if (authorization !== 'Bearer ada') return reply.code(401).header('www-authenticate', 'Bearer').send('who are you?')
  return reply.header('x-user', 'ada').code(204).send()
})
const upstream = Fastify().post('/*', async request => `user: ${request.headers['x-user']}`)
const [authUrl, target] = await Promise.all([auth, upstream].map(server => server.listen({ port: 0, host: '127.0.0.1' })))

const app = Fastify()
await app.register(balancer, {
  pools: { auth: { targets: ['http://127.0.0.1:1', authUrl], policy: 'first' }, api: { targets: [target] } },
  routes: [{ prefix: '/api', pool: 'api', onRequest: forwardAuth({ pool: 'auth', path: '/verify', copy: ['x-user'] }) }]
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })

for (const authorization of ['Bearer eve', 'Bearer ada']) {
  const response = await fetch(`${url}/api/orders?full`, { method: 'POST', body: 'tea', headers: { authorization, 'x-user': 'root' } })
  console.log(response.status, await response.text())
}

for (const server of [app, auth, upstream]) await server.close()
