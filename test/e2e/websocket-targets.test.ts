import { createServer } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { gateway, named, rawUpstream, until } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { echoed, echoing, handshake, opened } from '../upgrade/kit.js'

t.test('a WebSocket goes to the targets of the moment: one that was added, not one that has left', async t => {
  const [one, two] = [await echoing(t), await echoing(t)]
  const { app, url } = await gateway(t, { name: 'ws', targets: [one.url], websocket: true, timeouts: { grace: 50 } })
  t.equal(await echoed(await opened(t, url), 'a'), 'a')
  t.equal(one.requests.length, 1)
  await app.upstreams['ws']?.set([two.url, 'http://127.0.0.1:1'])
  for (let i = 0; i < 4; i++) t.equal(await echoed(await opened(t, url), 'b'), 'b')
  t.same([one.requests.length, two.requests.length], [1, 4])
})

t.test('a target that dies and comes back gets WebSockets again', async t => {
  const first = await echoing(t)
  const { port } = new URL(first.url)
  const { app, url } = await gateway(t, { name: 'ws', targets: [first.url], websocket: true })
  const lost = await opened(t, url)
  const gone = Promise.all([once(lost, 'close'), once(first.http, 'close')])
  first.http.close()
  for (const client of first.wss.clients) client.terminate()
  await gone
  const client = await rawClient(t, Number(new URL(url).port))
  await client.send(handshake('/'))
  t.equal((await client.response())?.status, 502)

  const http = createServer()
  http.listen(Number(port), '127.0.0.1')
  await once(http, 'listening')
  await echoing(t, {}, http)
  t.equal(await echoed(await opened(t, url), 'again'), 'again')
  await until(() => app.upstreams['ws']?.targets[0]?.inFlight === 1)
})

t.test('a target to which no connection can be made in time is a 504, or passed over', async t => {
  // It accepts, and never says a word of TLS.
  const silent = (await rawUpstream(t, () => {})).replace('http', 'https')
  const { port } = await gateway(t, { targets: [silent], websocket: true, timeouts: { connect: 150 } })
  const client = await rawClient(t, port)
  await client.send(handshake('/'))
  const answer = await client.response()
  t.equal(answer?.status, 504)
  t.match(JSON.parse(answer?.body ?? ''), { code: 'FST_BALANCER_CONNECT_TIMEOUT' })

  const echo = await echoing(t)
  const { url } = await gateway(t, { targets: [silent, echo.url], policy: 'first', websocket: true, timeouts: { connect: 150 } })
  t.equal(await echoed(await opened(t, url), 'over'), 'over')
})

t.test('upgrades that fail leave the process and ordinary requests as they were', async t => {
  const { url } = await named(t, 'a')
  const resets = await rawUpstream(t, socket => { socket.once('data', () => { socket.resetAndDestroy() }) })
  const { port, request } = await gateway(t, {
    pools: { resets: { targets: [resets] }, plain: { targets: [url] } },
    routes: [{ prefix: '/resets', pool: 'resets', websocket: true }, { prefix: '/plain', pool: 'plain' }]
  })
  for (let i = 0; i < 20; i++) {
    const client = await rawClient(t, port)
    await client.send(handshake('/resets'))
    t.equal((await client.response())?.status, 502)
    await client.ended()
  }
  t.equal((await request('/plain')).statusCode, 200)
})
