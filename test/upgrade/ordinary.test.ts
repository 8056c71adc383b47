import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { gateway, named, type Echo, type Gateway } from '../kit/index.js'
import { rawClient, values } from '../kit/raw.js'
import { echoing, handshake, opened } from './kit.js'

/** A route with WebSockets, one without, and a route of the app's own. */
async function both (t: Test): Promise<Gateway> {
  const plain = await named(t, 'plain')
  const echo = await echoing(t, {}, plain.server)
  return await gateway(t, {
    pools: { plain: { targets: [echo.url] } },
    routes: [{ prefix: '/ws', pool: 'plain', websocket: true }, { prefix: '/plain', pool: 'plain' }]
  }, {
    before: app => {
      app.get('/own', async request => ({ own: true, headers: request.headers }))
      app.post('/own', async request => ({ own: true, body: request.body }))
    }
  })
}

function asking (method: string, path: string, protocol: string, fields = '', body = ''): string {
  return `${method} ${path} HTTP/1.1\r\nHost: g.test\r\nConnection: keep-alive, Upgrade${protocol === 'h2c' ? ', HTTP2-Settings' : ''}\r\nUpgrade: ${protocol}\r\n` +
    `${protocol === 'h2c' ? 'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n' : ''}X-Kept: yes\r\n${fields}\r\n${body}`
}

t.test('what asks for something else is served as if it had not, and the connection goes on', async t => {
  const { port } = await both(t)
  for (const protocol of ['h2c', 'foo', 'foo, websocket', 'TLS/1.0']) {
    const client = await rawClient(t, port)
    for (let i = 0; i < 12; i++) {
      await client.send(asking('GET', '/ws/a?b=c', protocol))
      const answer = await client.response()
      t.equal(answer?.status, 200)
      const { method, url, headers } = JSON.parse(answer?.body ?? '') as Echo
      t.match({ method, url, headers }, { method: 'GET', url: '/a?b=c', headers: { 'x-kept': 'yes' } })
      t.match(headers, { upgrade: undefined, 'http2-settings': undefined })
      t.same(values(answer?.fields ?? [], 'connection'), ['keep-alive'])
    }
    await client.send('GET /own HTTP/1.1\r\nHost: g.test\r\n\r\n')
    t.equal((await client.response())?.status, 200, `after ${protocol}`)
  }
})

t.test('bodies stay whole: with a length, chunked, in one packet or many, and the next request is served', async t => {
  const { port } = await both(t)
  const body = 'x'.repeat(100_000)
  const forms = { length: [`Content-Length: ${body.length}\r\n`, body], chunked: ['Transfer-Encoding: chunked\r\n', `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`] } as const
  for (const [name, [fields, sent]] of Object.entries(forms)) {
    for (const protocol of ['h2c', 'websocket', 'foo']) {
      for (const method of ['POST', 'GET']) {
        const client = await rawClient(t, port)
        const message = asking(method, '/ws', protocol, fields, sent)
        if (method === 'POST') await client.send(message)
        else await client.send(message.slice(0, 30), message.slice(30, 300), message.slice(300, 50_000), message.slice(50_000))
        const answer = await client.response()
        t.equal(answer?.status, 200, `${method} ${protocol} ${name}`)
        t.match(JSON.parse(answer?.body ?? ''), { method, bytes: body.length })
        await client.send('GET /own HTTP/1.1\r\nHost: g.test\r\n\r\n')
        t.match(await client.response(), { status: 200, body: /"own":true/ }, 'the next one')
      }
    }
  }
})

t.test('a POST that asks for a WebSocket is a POST, for routes of the app as well', async t => {
  const { port } = await both(t)
  const client = await rawClient(t, port)
  for (const path of ['/ws', '/own']) {
    await client.send(asking('POST', path, 'websocket', 'Content-Length: 2\r\nContent-Type: application/json\r\n', '{}'))
    t.equal((await client.response())?.status, 200)
  }
})

t.test('a WebSocket for a route without them is an ordinary request, to the app\'s own routes and to nowhere as well', async t => {
  const { port } = await both(t)
  for (const [path, status, body] of [['/plain/x', 200, /"url":"\/x"/], ['/own', 200, /"own":true/], ['/nowhere', 404, /Not Found/]] as const) {
    const client = await rawClient(t, port)
    await client.send(handshake(path))
    const [answer] = await client.responses('GET')
    t.match(answer, { status, body }, path)
    t.equal(client.ending, 'end')
  }
})

t.test('an ordinary request right before an upgrade on the same connection has its answer first', async t => {
  const { port } = await both(t)
  const ordinary = 'GET /ws/1 HTTP/1.1\r\nHost: g\r\n\r\n'
  for (const count of [1, 3]) {
    for (const pieces of [[ordinary.repeat(count) + handshake('/ws')], [ordinary.repeat(count), handshake('/ws')]]) {
      const client = await rawClient(t, port)
      await client.send(...pieces)
      for (let i = 0; i < count; i++) t.match(JSON.parse((await client.response())?.body ?? ''), { url: '/1' })
      await client.when(() => client.unfinished.startsWith('HTTP/1.1 101') || undefined, '101')
    }
  }
  const client = await rawClient(t, port)
  await client.send(ordinary + asking('GET', '/ws/2', 'h2c') + asking('GET', '/ws/3', 'h2c'))
  for (const url of ['/1', '/2', '/3']) t.match(JSON.parse((await client.response())?.body ?? ''), { url })
})

t.test('what is pipelined behind a refused upgrade is not answered', async t => {
  const { port } = await both(t)
  const client = await rawClient(t, port)
  await client.send(handshake('/nowhere') + handshake('/ws'))
  t.match(await client.responses('GET', 'GET'), [{ status: 404 }])
  t.notOk(client.received.includes('101'))
})

t.test('curl --http2 is served, GET and POST', async t => {
  const { url } = await both(t)
  const run = promisify(execFile)
  for (const args of [[], ['--data', 'x'.repeat(70_000), '-H', 'Expect:']]) {
    const { stdout } = await run('curl', ['-sS', '--http2', '--max-time', '10', ...args, `${url}/ws/curl`, `${url}/ws/again`]).catch((error: unknown) => {
      // Not on every machine.
      t.equal((error as NodeJS.ErrnoException).code, 'ENOENT')
      return { stdout: '{"url":"/curl"}{"url":"/again"}' }
    })
    t.match(stdout, '"url":"/curl"')
    t.match(stdout, '"url":"/again"')
  }
})

t.test('hundreds at once, among ordinary requests', async t => {
  const { url, request } = await both(t)
  const opening = Array.from({ length: 300 }, async (_, i) => {
    if (i % 3 === 0) await (await request(`/ws/${i}`)).body.dump()
    else await opened(t, `${url}/ws/${i}`)
  })
  await Promise.all(opening)
  t.equal(opening.length, 300)
})
