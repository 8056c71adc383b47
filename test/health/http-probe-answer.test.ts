import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { HealthOptions } from '../../lib/pool-options.js'
import { answering, rawUpstream, REFUSING, until, upstream } from '../kit/index.js'
import { deserted, poolOf, verdict } from './kit.js'

/** What a probe makes of an upstream that always answers with this. */
async function judged (t: Test, status: number, body: string | Buffer, health: HealthOptions = {}): Promise<string> {
  const { url } = await upstream(t, (_request, response) => {
    response.writeHead(status, status >= 300 && status < 400 ? { location: '/elsewhere' } : {})
    response.end(body)
  })
  return await verdict(t, url, { path: '/', ...health })
}

t.test('any 2xx is well unless other statuses are asked for, and everything else is not', async t => {
  for (const status of [200, 201, 204, 226, 299]) t.equal(await judged(t, status, ''), 'up', `${status}`)
  for (const status of [300, 301, 302, 304, 307, 400, 401, 404, 418, 429, 500, 503, 599]) t.equal(await judged(t, status, ''), `status ${status}`)
})

t.test('expected statuses are a number, a range with both of its ends, or a list of both', async t => {
  const table: Array<[HealthOptions['status'], number[], number[]]> = [
    [204, [204], [200, 203, 205]],
    ['401-403', [401, 402, 403], [400, 404, 200]],
    [[200, '301-302', 418], [200, 301, 302, 418], [201, 300, 303, 417, 419]],
    ['200-200', [200], [201]]
  ]
  for (const [expected, well, sick] of table) {
    for (const status of well) t.equal(await judged(t, status, '', { status: expected }), 'up', `${String(expected)}: ${status}`)
    for (const status of sick) t.equal(await judged(t, status, '', { status: expected }), `status ${status}`, String(expected))
  }
})

t.test('a redirect is not followed, and is well when it is listed', async t => {
  const hits: string[] = []
  const { url } = await upstream(t, (request, response) => {
    hits.push(request.url ?? '')
    if (request.url === '/healthz') response.writeHead(302, { location: '/login' })
    response.end()
  })
  t.equal(await verdict(t, url, { path: '/healthz' }), 'status 302')
  t.equal(await verdict(t, url, { path: '/healthz', status: [200, 302] }), 'up')
  t.same(hits, ['/healthz', '/healthz'])
})

t.test('the body must contain the text or match the expression that is asked for', async t => {
  t.equal(await judged(t, 200, '{"status":"ok"}', { body: '"status":"ok"' }), 'up')
  t.equal(await judged(t, 200, '{"status":"starting"}', { body: '"status":"ok"' }), 'unexpected body')
  t.equal(await judged(t, 200, 'a.c', { body: 'abc' }), 'unexpected body', 'a text is not an expression')
  t.equal(await judged(t, 200, 'status: OK', { body: /status:\s+ok$/i }), 'up')
  t.equal(await judged(t, 200, 'status: OK?', { body: /status:\s+ok$/i }), 'unexpected body')
  t.equal(await judged(t, 200, '', { body: 'ok' }), 'unexpected body')
  t.equal(await judged(t, 500, 'ok', { body: 'ok' }), 'status 500', 'the status counts first')
  t.equal(await judged(t, 200, 'größe', { body: 'größe' }), 'up', 'it is read as UTF-8')
})

t.test('an expression with the g flag finds its match in every probe', async t => {
  const target = await upstream(t, (_request, response) => { response.end('all is well') })
  const changes: string[] = []
  const { pool } = poolOf(t, {
    targets: [target.url],
    health: { path: '/', body: /well/g, interval: 5, jitter: 0, fall: 1 },
    observers: [{ healthChanged: (_target, _was, reason) => { changes.push(reason) } }]
  })
  pool.start()
  await until(() => target.hits() > 8)
  t.same(changes, [])
})

t.test('a text that comes in two pieces is found', async t => {
  const { url } = await upstream(t, (_request, response) => {
    response.write('all is we')
    setTimeout(() => { response.end('ll') }, 20)
  })
  t.equal(await verdict(t, url, { path: '/', body: 'all is well' }), 'up')
})

t.test('of a large body the first 64 KiB are looked at, and the rest is not waited for', async t => {
  const limit = 64 * 1024
  const before = (bytes: number): Buffer => Buffer.concat([Buffer.alloc(bytes, '.'), Buffer.from('well')])
  t.equal(await judged(t, 200, before(limit - 4), { body: 'well' }), 'up', 'its end is the last that is seen')
  t.equal(await judged(t, 200, before(limit - 3), { body: 'well' }), 'unexpected body', 'one byte of it is cut off')

  const target = await upstream(t, (_request, response) => {
    const timer = setInterval(() => { response.write(Buffer.alloc(limit, '.')) }, 1)
    response.on('close', () => { clearInterval(timer) })
    response.write('well')
  })
  t.equal(await verdict(t, target.url, { path: '/', body: 'well', timeout: 20_000 }), 'up', 'it never ends')
  await deserted(target.server)
})

t.test('a body that drips without end fails when time is up, and its connection is closed', async t => {
  const target = await upstream(t, (_request, response) => {
    const timer = setInterval(() => { response.write('.') }, 5)
    response.on('close', () => { clearInterval(timer) })
  })
  t.equal(await verdict(t, target.url, { path: '/', timeout: 100 }), 'no answer within 100 ms')
  await deserted(target.server)
})

t.test('who accepts and says nothing fails when time is up, and its connection is closed', async t => {
  let closed: Promise<unknown> | undefined
  const url = await rawUpstream(t, socket => {
    closed = once(socket, 'close')
    socket.resume()
  })
  t.equal(await verdict(t, url, { path: '/', timeout: 100 }), 'no answer within 100 ms')
  await closed
})

t.test('a refusal, a reset, an early end and an answer that is not HTTP are failures with a reason', async t => {
  t.match(await verdict(t, REFUSING, { path: '/' }), 'connect ECONNREFUSED 127.0.0.1:1')
  t.match(await verdict(t, await answering(t, '', 'reset'), { path: '/' }), /ECONNRESET|other side closed/)
  t.match(await verdict(t, await answering(t, '', 'end'), { path: '/' }), 'other side closed')
  t.match(await verdict(t, await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nshort', 'end'), { path: '/' }), 'other side closed')
  t.match(await verdict(t, await answering(t, 'good day\r\n\r\n'), { path: '/' }), /Expected HTTP|Invalid|Parse/i)
})

t.test('early hints before the answer are passed over', async t => {
  const url = await answering(t, 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell')
  t.equal(await verdict(t, url, { path: '/', body: 'well' }), 'up')
})
