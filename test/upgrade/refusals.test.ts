import t from 'tap'
import { answering, gateway, rawUpstream, until, upstream } from '../kit/index.js'
import { rawClient, values } from '../kit/raw.js'
import { echoing, handshake, inFlight, opened } from './kit.js'

t.test('an upstream\'s refusal reaches the client as it is, and the connection ends', async t => {
  for (const [status, fields] of [[401, 'WWW-Authenticate: Basic realm="x"'], [302, 'Location: https://login.test/?a=1'], [404, 'X-Why: nothing here'], [503, 'Retry-After: 7'], [200, 'X-Odd: yes']] as const) {
    for (const body of ['Content-Length: 6\r\n\r\nbecaus', 'Transfer-Encoding: chunked\r\n\r\n3\r\nbec\r\n3\r\naus\r\n0\r\n\r\n', 'Connection: close\r\n\r\nbecaus']) {
      const target = await answering(t, `HTTP/1.1 ${status} Status\r\n${fields}\r\n${body}`, body.startsWith('Connection') ? 'end' : 'keep')
      const { app, port } = await gateway(t, { prefix: '/ws', targets: [target], websocket: true })
      const client = await rawClient(t, port)
      await client.send(handshake('/ws'))
      const [answer, ...more] = await client.responses('GET')
      t.match(answer, { status, body: 'becaus', complete: true }, `${status} ${body.slice(0, 14)}`)
      const [name = '', value] = fields.split(': ')
      t.same(values(answer?.fields ?? [], name), [value])
      t.same(values(answer?.fields ?? [], 'connection'), ['close'])
      t.same(more, [])
      await until(() => inFlight(app) === 0)
    }
  }
})

t.test('a refusal without a body', async t => {
  for (const head of ['204 No Content\r\n', '304 Not Modified\r\nETag: "x"\r\n', '401 Unauthorized\r\nContent-Length: 0\r\n']) {
    const { port } = await gateway(t, { prefix: '/ws', targets: [await answering(t, `HTTP/1.1 ${head}\r\n`)], websocket: true })
    const client = await rawClient(t, port)
    await client.send(handshake('/ws'))
    t.match(await client.responses('GET'), [{ status: Number(head.slice(0, 3)), body: '' }])
  }
})

t.test('a large refusal arrives whole, at the pace of the client, and so does a large one of a hook', async t => {
  const body = 'x'.repeat(8 * 1024 * 1024)
  const { url } = await upstream(t, (_request, response) => { response.end() })
  const refusing = await upstream(t, (_request, response) => { response.end() })
  refusing.server.on('upgrade', (_request, socket) => { socket.on('error', () => {}).end(`HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n${body}`) })
  const { port } = await gateway(t, {
    routes: [
      { prefix: '/theirs', pool: 'refusing', websocket: true },
      { prefix: '/ours', pool: 'plain', websocket: true, onRequest: (async (_request: unknown, reply: { code: (status: number) => { send: (body: unknown) => unknown } }) => reply.code(401).send(body)) as never }
    ],
    pools: { refusing: { targets: [refusing.url] }, plain: { targets: [url] } }
  })
  for (const path of ['/theirs', '/ours']) {
    const client = await rawClient(t, port)
    await client.send(handshake(path))
    await client.when(() => client.received.length > 0 || undefined)
    client.pause()
    await new Promise(resolve => { setTimeout(resolve, 100) })
    client.resume()
    const [answer] = await client.responses('GET')
    t.equal(answer?.status, 401)
    t.equal(answer?.body.length, body.length, path)
    t.equal(client.ending, 'end')
  }
})

t.test('a refusal that breaks off cuts the client off', async t => {
  const target = await answering(t, 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 100000\r\n\r\nbec', 'reset')
  const { app, port } = await gateway(t, { prefix: '/ws', targets: [target], websocket: true })
  const client = await rawClient(t, port)
  await client.send(handshake('/ws'))
  t.not(await client.ended(), undefined)
  t.notOk(client.received.includes('becaus'))
  await until(() => inFlight(app) === 0)
})

t.test('a client that goes on sending has its answer before anything else, and does not stay for ever', async t => {
  const waiting: Array<() => void> = []
  const target = await rawUpstream(t, socket => {
    socket.once('data', () => { waiting.push(() => { socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno') }) })
  })
  const { app, port } = await gateway(t, { prefix: '/ws', targets: [target], websocket: true })
  let open = 0
  app.server.on('connection', socket => {
    open++
    socket.once('close', () => { open-- })
  })
  const client = await rawClient(t, port)
  client.pause()
  await client.send(handshake('/ws'))
  // More than is kept for an upstream before the answer, and more than any buffer holds behind it.
  for (let i = 0; i < 10; i++) await client.send('x'.repeat(50_000))
  await until(() => waiting.length === 1)
  waiting[0]?.()
  await until(() => inFlight(app) === 0)
  for (let i = 0; i < 30; i++) await client.send('x'.repeat(1_000_000))
  client.resume()
  t.match(await client.response(), { status: 403, body: 'no' })
  t.equal(await client.ended(), 'end', 'and not a reset')
  // Its own end is not waited for.
  t.ok(open > 0)
  await until(() => open === 0)
})

t.test('after a refusal the next client is served', async t => {
  const { url } = await echoing(t, { verifyClient: ({ req }: { req: { url?: string } }) => req.url !== '/no' })
  const { url: front } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true })
  for (let i = 0; i < 3; i++) {
    await t.rejects(opened(t, `${front}/ws/no`), { message: /401/ })
    await opened(t, `${front}/ws/yes`)
  }
})

t.test('an upstream that switches to something else has failed', async t => {
  for (const protocol of ['Upgrade: h2c\r\n', '']) {
    const target = await answering(t, `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n${protocol}\r\n`)
    const { app, port } = await gateway(t, { prefix: '/ws', targets: [target], websocket: true })
    const client = await rawClient(t, port)
    await client.send(handshake('/ws'))
    const [answer] = await client.responses('GET')
    t.equal(answer?.status, 502)
    await until(() => inFlight(app) === 0)
  }
})

t.test('HTTP/1.0 has no upgrades', async t => {
  const { url, requests } = await echoing(t)
  const { port } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true })
  const client = await rawClient(t, port)
  await client.send(handshake('/ws').replace('HTTP/1.1', 'HTTP/1.0'))
  const [answer] = await client.responses('GET')
  t.equal(answer?.status, 426)
  t.same(requests, [])
})
