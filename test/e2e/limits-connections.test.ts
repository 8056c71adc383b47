import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import t from 'tap'
import { gateway, until } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { echoed, echoing, handshake, opened } from '../upgrade/kit.js'
import { ask, holding, isIdle, poolIn } from './holding.js'

t.test('a target never has more connections than limits.connections, and what is beyond waits', async t => {
  const target = await holding(t)
  let sockets = 0
  target.server.on('connection', () => { sockets++ })
  const gate = await gateway(t, { targets: [target.url], limits: { connections: 2 } })
  const pool = poolIn(gate)
  const answers = Array.from({ length: 20 }, async (_, i) => await ask(gate, `/${i}`))
  await until(() => target.held() === 2 && pool.load.waiting === 18)
  target.open()
  t.ok((await Promise.all(answers)).every(({ status }) => status === 200))
  t.equal(target.most(), 2)
  t.equal(sockets, 2)
  await until(() => isIdle(pool))
})

t.test('connections that clients have cut off make room for others', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { connections: 2 } })
  const pool = poolIn(gate)
  for (let round = 0; round < 5; round++) {
    const clients = [await rawClient(t, gate.port), await rawClient(t, gate.port)]
    for (const client of clients) await client.send('GET / HTTP/1.1\r\nHost: g.test\r\n\r\n')
    await until(() => target.held() === 2)
    for (const client of clients) client.reset()
    await until(() => isIdle(pool) && target.held() === 0)
  }
  target.open()
  t.equal((await ask(gate, '/')).status, 200)
})

t.test('a WebSocket has its connection to itself', async t => {
  const held: Array<() => void> = []
  const http = createServer((request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/held') held.push(() => { response.end() })
    else response.end('short')
  })
  const { url } = await echoing(t, {}, http)
  const gate = await gateway(t, { targets: [url], websocket: true, limits: { connections: 2, queueTimeout: 0 } })
  const pool = poolIn(gate)
  const sockets = [await opened(t, gate.url), await opened(t, gate.url)]
  const client = await rawClient(t, gate.port)
  await client.send(handshake('/'))
  t.equal((await client.response())?.status, 503, 'a third one finds none')
  t.match(client.received, /retry-after: 1\r\n[^]*FST_BALANCER_TOO_MANY_STREAMS/i)
  const waiting = ask(gate, '/')
  await until(() => pool.load.waiting === 1)
  sockets[0]?.terminate()
  t.equal((await waiting).text, 'short')
  t.equal(await echoed(sockets[1] as never, 'still here'), 'still here')
  sockets[1]?.terminate()
  await until(() => isIdle(pool))
  t.same(pool.targets.map(({ counters }) => counters.faults), [0])
})
