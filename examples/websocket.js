// WebSockets go through the pool: the hooks run first, a target that is down is passed over, a drained one lets them go.
import { once } from 'node:events'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'
import { WebSocket, WebSocketServer } from 'ws'

const upstreams = await Promise.all(['a', 'b'].map(async name => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', socket => socket.on('message', message => socket.send(`${name} heard ${message}`)))
  await once(server, 'listening')
  return server
}))
const [a, b] = upstreams.map(server => `http://127.0.0.1:${server.address().port}`)

const app = Fastify()
await app.register(balancer, {
  prefix: '/chat',
  targets: ['http://127.0.0.1:1', a, b],
  policy: 'first',
  websocket: true,
  timeouts: { grace: 100 },
  preHandler: async (request, reply) => {
    if (request.headers.authorization === undefined) return reply.code(401).send({ error: 'who are you?' })
  }
})
const url = (await app.listen({ port: 0, host: '127.0.0.1' })).replace('http', 'ws')

const stranger = new WebSocket(`${url}/chat`)
console.log('stranger:', (await new Promise(resolve => stranger.on('error', resolve))).message)

const ada = new WebSocket(`${url}/chat`, { headers: { authorization: 'ada' } })
await once(ada, 'open')
ada.send('hello')
console.log('ada:', String((await once(ada, 'message'))[0]))

app.upstreams.chat.drain(a)
console.log('ada: closed with', (await once(ada, 'close'))[0])

for (const server of [app, ...upstreams]) server.close()
