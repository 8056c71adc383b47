import t from 'tap'
import { ALSO_REFUSING, answering, gateway, rawUpstream, REFUSING, until, upstream } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { echoed, echoing, handshake, inFlight, opened, SWITCHING } from './kit.js'

t.test('a target that refuses, resets or answers 502, 503 or 504 to the handshake is passed over', async t => {
  const echo = await echoing(t)
  const failing = {
    refuses: REFUSING,
    resets: await rawUpstream(t, socket => { socket.once('data', () => { socket.resetAndDestroy() }) }),
    closes: await rawUpstream(t, socket => { socket.once('data', () => { socket.end() }) }),
    502: await answering(t, 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno'),
    503: await answering(t, 'HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n'),
    504: await answering(t, 'HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n')
  }
  for (const [name, target] of Object.entries(failing)) {
    const { app, url } = await gateway(t, { prefix: '/ws', targets: [target, echo.url], policy: 'first', websocket: true })
    const socket = await opened(t, `${url}/ws`)
    t.equal(await echoed(socket, name), name)
    t.match(app.upstreams['ws']?.targets, [{ inFlight: 0, counters: { faults: 1 } }, { inFlight: 1 }])
    socket.terminate()
    await until(() => inFlight(app) === 0)
  }
})

t.test('when every target fails the client gets JSON: 502 for those that can not be reached, 503 for a pool without targets', async t => {
  for (const [drained, status] of [[false, 502], [true, 503]] as const) {
    const { app, port } = await gateway(t, { prefix: '/ws', targets: [REFUSING, ALSO_REFUSING], websocket: true })
    for (const target of drained ? [REFUSING, ALSO_REFUSING] : []) app.upstreams['ws']?.drain(target)
    const client = await rawClient(t, port)
    await client.send(handshake('/ws'))
    const answer = await client.response()
    t.equal(answer?.status, status)
    t.match(JSON.parse(answer?.body ?? ''), { statusCode: status, code: /^FST_BALANCER_/ })
    t.equal(await client.ended(), 'end')
  }
})

t.test('a handshake that is never answered is a 504', async t => {
  const silent = await rawUpstream(t, socket => { socket.resume() })
  const { app, port } = await gateway(t, { prefix: '/ws', targets: [silent], websocket: true, timeouts: { headers: 1000 } })
  const client = await rawClient(t, port)
  await client.send(handshake('/ws'))
  const answer = await client.response()
  t.equal(answer?.status, 504)
  t.match(JSON.parse(answer?.body ?? ''), { code: 'FST_BALANCER_HEADERS_TIMEOUT' })
  t.equal(inFlight(app), 0)
})

t.test('a client that leaves during the handshake takes the upstream\'s connection with it, and blames nobody', async t => {
  for (const way of ['end', 'reset', 'destroy'] as const) {
    let asked = 0
    let closed = 0
    const silent = await rawUpstream(t, socket => {
      socket.once('data', () => { asked++ }).on('close', () => { closed++ })
    })
    const { app, port, log } = await gateway(t, { prefix: '/ws', targets: [silent, (await echoing(t)).url], policy: 'first', websocket: true })
    const client = await rawClient(t, port)
    await client.send(handshake('/ws'))
    await until(() => asked === 1)
    client[way]()
    await until(() => closed === 1)
    await until(() => inFlight(app) === 0)
    t.match(app.upstreams['ws']?.targets, [{ counters: { aborted: 1, faults: 0 } }, { counters: { attempts: 0 } }], way)
    t.same(log.filter(({ level }) => level > 30), [], way)
  }
})

t.test('a client that leaves while a hook is busy costs the upstream nothing that lasts', async t => {
  const { url, wss } = await echoing(t)
  const waiting: Array<() => void> = []
  const { app, port, log } = await gateway(t, {
    prefix: '/ws', targets: [url], websocket: true, preHandler: (async () => { await new Promise<void>(resolve => { waiting.push(resolve) }) }) as never
  })
  for (const way of ['end', 'reset'] as const) {
    const client = await rawClient(t, port)
    await client.send(handshake('/ws'))
    await until(() => waiting.length === 1)
    client[way]()
    waiting.pop()?.()
    await until(() => inFlight(app) === 0 && wss.clients.size === 0)
    t.match(app.upstreams['ws']?.targets[0], { counters: { faults: 0 } }, way)
  }
  t.same(log.filter(({ level }) => level > 30), [])
})

t.test('each WebSocket goes to a target of its own, and is in flight for as long as it is open', async t => {
  const echoes = [await echoing(t), await echoing(t), await echoing(t)]
  const { app, url } = await gateway(t, { prefix: '/ws', targets: echoes.map(({ url }) => url), policy: 'least-requests', websocket: true })
  const sockets = await Promise.all(Array.from({ length: 9 }, async () => await opened(t, `${url}/ws`)))
  t.same(echoes.map(({ wss }) => wss.clients.size), [3, 3, 3])
  t.same(app.upstreams['ws']?.targets.map(({ inFlight }) => inFlight), [3, 3, 3])
  for (const socket of sockets) socket.close()
  await until(() => inFlight(app) === 0)
})

t.test('what an ordinary request left behind does no harm: the same target answers both, over and over', async t => {
  const plain = await upstream(t, (_request, response) => { response.end('plain') })
  plain.server.on('upgrade', (_request, socket) => {
    socket.write(SWITCHING)
    socket.on('error', () => {}).pipe(socket)
  })
  const { app, port, request } = await gateway(t, { prefix: '/ws', targets: [plain.url], websocket: true })
  for (let i = 0; i < 5; i++) {
    t.equal(await (await request('/ws')).body.text(), 'plain')
    const client = await rawClient(t, port)
    await client.send(handshake('/ws'))
    await client.when(() => client.received.includes('\r\n\r\n') || undefined)
    await client.send('raw')
    await client.when(() => client.received.endsWith('raw') || undefined)
    client.destroy()
  }
  await until(() => inFlight(app) === 0)
})
