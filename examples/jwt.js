// A token is checked before a target is picked, and the upstream is told who it is; what clients say of that is removed.
import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import balancer, { identity } from 'fastify-balancer'

const upstream = Fastify().get('/*', async request => ({ user: request.headers['x-user-id'], other: request.headers.x_user_id }))
const target = await upstream.listen({ port: 0, host: '127.0.0.1' })

const app = Fastify()
await app.register(jwt, { secret: 'only for this example' })
app.addHook('onRequest', async request => { await request.jwtVerify() })
app.addHook('onRequest', identity({ 'x-user-id': request => request.user.sub }))
await app.register(balancer, { prefix: '/api', targets: [target] })
const url = await app.listen({ port: 0, host: '127.0.0.1' })

const claimed = { 'x-user-id': 'root', x_user_id: 'root' }
for (const token of ['nonsense', app.jwt.sign({ sub: 'ada' })]) {
  const response = await fetch(`${url}/api/x`, { headers: { authorization: `Bearer ${token}`, ...claimed } })
  const { message, user, other } = await response.json()
  console.log(response.status, message ?? `user: ${user}, other spelling: ${other}`)
}

await app.close()
await upstream.close()
