import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import type { Dispatcher } from 'undici'
import { gateway, named, rawUpstream, sha256, upstream, type Echo } from '../kit/index.js'

const BODY = randomBytes(10_000)
const LARGE = Buffer.alloc(200 * 1024, 'x')

interface Failing { readonly url: string, readonly hits: () => number }

/** Does `fail` to the first bytes of each connection. */
async function breaking (t: Test, fail: (socket: Socket) => void): Promise<Failing> {
  let hits = 0
  const url = await rawUpstream(t, socket => {
    socket.once('data', () => {
      hits++
      fail(socket)
    })
  })
  return { url, hits: () => hits }
}

/** Reads the whole request and answers it with a status that asks for another server. */
async function answering (t: Test, status: number, answer: (response: ServerResponse) => void): Promise<Failing> {
  return await upstream(t, (request, response) => {
    request.resume()
    request.on('end', () => {
      response.statusCode = status
      answer(response)
    })
  })
}

function small (response: ServerResponse): void {
  response.end('no')
}

/** What goes wrong after the request was sent, and the status that a client sees when it can not be mended. */
const FAILURES: Record<string, { start: (t: Test) => Promise<Failing>, status: number }> = {
  'resets the connection': { start: async t => await breaking(t, socket => { socket.resetAndDestroy() }), status: 502 },
  'closes without a word': { start: async t => await breaking(t, socket => { socket.end() }), status: 502 },
  'answers with junk': { start: async t => await breaking(t, socket => { socket.write('junk\r\n\r\n') }), status: 502 },
  'stops in the middle of its headers': { start: async t => await breaking(t, socket => { socket.end('HTTP/1.1 200 OK\r\nContent-Le') }), status: 502 },
  'stops in the middle of a small body': {
    start: async t => await breaking(t, socket => { socket.end('HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\nhalf') }), status: 502
  },
  'answers 502': { start: async t => await answering(t, 502, small), status: 502 },
  'answers 503': { start: async t => await answering(t, 503, small), status: 503 },
  'answers 504': { start: async t => await answering(t, 504, small), status: 504 },
  'answers 503 with a chunked body': {
    start: async t => await answering(t, 503, response => {
      response.write('n')
      response.end('o')
    }),
    status: 503
  },
  'answers 503 with 200 KB on a connection to be kept': {
    start: async t => await answering(t, 503, response => {
      response.setHeader('content-length', LARGE.length)
      response.end(LARGE)
    }),
    status: 503
  }
}

const REPEATED: ReadonlyArray<Partial<Dispatcher.RequestOptions>> = [
  { method: 'GET' },
  { method: 'OPTIONS' },
  { method: 'DELETE' },
  { method: 'DELETE', body: BODY },
  { method: 'PUT', body: BODY },
  { method: 'PUT', body: 'streamed' },
  { method: 'POST', body: BODY, headers: { 'idempotency-key': 'a' } },
  { method: 'POST', body: 'streamed', headers: { 'Idempotency-Key': 'b' } },
  { method: 'PATCH', body: BODY, headers: { 'idempotency-key': 'c' } }
]

const SENT_ONCE: ReadonlyArray<Partial<Dispatcher.RequestOptions>> = [
  { method: 'POST' },
  { method: 'POST', body: BODY },
  { method: 'POST', body: 'streamed' },
  { method: 'PATCH', body: BODY }
]

/** A fresh stream where one is asked for: they can be read once. */
function fresh (options: Partial<Dispatcher.RequestOptions>): Partial<Dispatcher.RequestOptions> {
  return options.body === 'streamed' ? { ...options, body: Readable.from([BODY.subarray(0, 1), BODY.subarray(1)]) } : options
}

for (const [what, { start, status }] of Object.entries(FAILURES)) {
  t.test(`a request that may be repeated moves on, whole, from a target that ${what}`, async t => {
    const bad = await start(t)
    const good = await named(t, 'good')
    const { app, request } = await gateway(t, { name: 'pool', policy: 'first', breaker: false, targets: [bad.url, good.url] })
    for (const options of REPEATED) {
      const response = await request('/again', fresh(options))
      t.equal(response.statusCode, 200, String(options.method))
      const body = options.body === undefined ? Buffer.alloc(0) : BODY
      t.match(await response.body.json() as Echo, { name: 'good', method: options.method, url: '/again', bytes: body.length, sha256: sha256(body) })
    }
    t.equal(good.hits(), REPEATED.length)
    t.equal(bad.hits(), REPEATED.length, 'the first target was asked once for each')
    t.same(app.upstreams['pool']?.targets.map(target => target.inFlight), [0, 0])
  })

  t.test(`a POST or PATCH goes no further than to a target that ${what}`, async t => {
    const bad = await start(t)
    const good = await named(t, 'good')
    const { request } = await gateway(t, { policy: 'first', breaker: false, targets: [bad.url, good.url] })
    for (const options of SENT_ONCE) {
      const response = await request('/once', fresh(options))
      t.equal(response.statusCode, status, String(options.method))
      await response.body.dump()
    }
    t.equal(bad.hits(), SENT_ONCE.length)
    t.equal(good.hits(), 0)
  })
}

t.test('a HEAD moves on after a reset and after a 503', async t => {
  const reset = await breaking(t, socket => { socket.resetAndDestroy() })
  const busy = await answering(t, 503, small)
  const good = await named(t, 'good')
  const { request } = await gateway(t, { policy: 'first', targets: [reset.url, busy.url, good.url] })
  const response = await request('/', { method: 'HEAD' })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['x-name'], 'good')
  t.same([reset.hits(), busy.hits(), good.hits()], [1, 1, 1])
})
