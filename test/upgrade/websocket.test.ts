import { once } from 'node:events'
import t from 'tap'
import { gateway, until } from '../kit/index.js'
import { echoing, opened } from './kit.js'

t.test('a WebSocket goes through the pool', async t => {
  const { url, requests } = await echoing(t)
  const { app, url: front } = await gateway(t, { prefix: '/ws', rewritePrefix: '/v2', targets: [url], websocket: true, preserveHost: true })
  const socket = await opened(t, `${front}/ws/chat?room=%2F1`, ['a', 'b'], { headers: { authorization: 'Bearer x', origin: 'http://o.test' } })
  t.equal(socket.protocol, 'b', 'every subprotocol was offered')
  socket.send('hello')
  t.equal(String((await once(socket, 'message'))[0]), 'hello')
  const [request] = requests
  t.equal(request?.url, '/v2/chat?room=%2F1')
  t.match(request?.headers, {
    authorization: 'Bearer x',
    origin: 'http://o.test',
    host: new URL(front).host,
    'sec-websocket-protocol': 'a,b',
    'x-forwarded-for': '127.0.0.1',
    via: '1.1 fastify-balancer'
  })
  t.match(app.upstreams['ws']?.targets[0], { inFlight: 1 })
  socket.close(4000, 'bye')
  t.equal((await once(socket, 'close'))[0], 4000)
  await until(() => app.upstreams['ws']?.targets[0]?.inFlight === 0)
  t.match(app.upstreams['ws']?.targets[0], { counters: { answered: 1, faults: 0 } })
})
