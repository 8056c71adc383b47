import { randomBytes } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { digest, gateway, named, sha256, upstream, type Echo, type Upstream } from '../kit/index.js'

const KEPT = 64 * 1024

/** Takes in the whole request, then resets the connection. */
async function swallowing (t: Test): Promise<Upstream> {
  return await upstream(t, (request, response) => {
    void digest(request).then(() => response.socket?.resetAndDestroy())
  })
}

function chunked (body: Buffer, piece = 10_000): Readable {
  return Readable.from((function * () {
    for (let at = 0; at < body.length; at += piece) yield body.subarray(at, at + piece)
  })())
}

const CASES: Array<{ size: number, replayBytes?: number, moves: boolean }> = [
  { size: 0, moves: true },
  { size: 1, moves: true },
  { size: KEPT - 1, moves: true },
  { size: KEPT, moves: true },
  { size: KEPT + 1, moves: false },
  { size: 1_000_000, moves: false },
  { size: 1_000_000, replayBytes: 1_000_000, moves: true },
  { size: 1_000_001, replayBytes: 1_000_000, moves: false },
  { size: 0, replayBytes: 0, moves: true },
  { size: 1, replayBytes: 0, moves: false }
]

for (const { size, replayBytes, moves } of CASES) {
  const limit = replayBytes === undefined ? 'by default' : `with replayBytes ${replayBytes}`
  t.test(`a streamed PUT of ${size} bytes that was sent ${moves ? 'moves on, byte for byte,' : 'is not sent again'} ${limit}`, async t => {
    const first = await swallowing(t)
    const second = await named(t, 'second')
    const { request } = await gateway(t, {
      policy: 'first', targets: [first.url, second.url], ...(replayBytes === undefined ? undefined : { replayBytes })
    })
    const body = randomBytes(size)
    for (const headers of [{}, { 'content-length': String(size) }]) {
      const response = await request('/', { method: 'PUT', body: chunked(body), headers })
      if (moves) {
        t.match(await response.body.json() as Echo, { name: 'second', bytes: size, sha256: sha256(body) })
      } else {
        t.equal(response.statusCode, 502)
        t.match(await response.body.json(), { code: 'FST_BALANCER_FAILED' })
      }
    }
    t.equal(first.hits(), 2)
    t.equal(second.hits(), moves ? 2 : 0)
  })
}

t.test('a target that fails in the middle of an upload is replaced while the client goes on sending', async t => {
  const body = randomBytes(60_000)
  const upload = new PassThrough()
  const first = await upstream(t, request => {
    request.once('data', () => {
      request.socket.resetAndDestroy()
      // What the client had yet to send goes to the second target after what is replayed.
      upload.write(body.subarray(20_000, 40_000))
      setImmediate(() => { upload.end(body.subarray(40_000)) })
    })
  })
  const second = await named(t, 'second')
  const { app, request } = await gateway(t, { name: 'pool', policy: 'first', targets: [first.url, second.url] })
  upload.write(body.subarray(0, 20_000))
  const response = await request('/', { method: 'PUT', body: upload })
  t.match(await response.body.json() as Echo, { name: 'second', bytes: body.length, sha256: sha256(body) })
  t.same(app.upstreams['pool']?.targets.map(({ inFlight, counters }) => [inFlight, counters.failed, counters.answered]), [[0, 1, 0], [0, 0, 1]])
})

t.test('a target that turns an upload down before it is complete is replaced while the client goes on sending', async t => {
  const body = randomBytes(60_000)
  const upload = new PassThrough()
  const first = await upstream(t, (request, response) => {
    request.once('data', () => {
      response.writeHead(503, { 'content-length': 4 })
      response.end('busy')
    })
  })
  const second = await upstream(t, (request, response) => {
    // Only now: the rest is on its way once the second target has the request.
    upload.end(body.subarray(20_000))
    void digest(request).then(({ sha256 }) => { response.end(sha256) })
  })
  const { request } = await gateway(t, { policy: 'first', targets: [first.url, second.url] })
  upload.write(body.subarray(0, 20_000))
  const response = await request('/', { method: 'PUT', body: upload })
  t.equal(await response.body.text(), sha256(body))
})

t.test('a body is sent with the length that the client gave, or in chunks when it gave none', async t => {
  const target = await named(t, 'a')
  const { request } = await gateway(t, { targets: [target.url] })
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
    const withLength = await (await request('/', { method, body: chunked(Buffer.alloc(50_000)), headers: { 'content-length': '50000' } })).body.json() as Echo
    t.match([withLength.headers['content-length'], withLength.headers['transfer-encoding']], ['50000', undefined], method)
    const without = await (await request('/', { method, body: chunked(Buffer.alloc(50_000)) })).body.json() as Echo
    t.match([without.headers['content-length'], without.headers['transfer-encoding']], [undefined, 'chunked'], method)
    t.equal(without.bytes, 50_000)
  }
})

t.test('an upload that is answered early leaves the gateway in order', async t => {
  const target = await upstream(t, (_request, response) => {
    response.statusCode = 413
    response.end('too large')
  })
  const { app, request } = await gateway(t, { name: 'pool', targets: [target.url] })
  for (let i = 0; i < 20; i++) {
    const response = await request('/', { method: 'POST', body: Buffer.alloc(2_000_000) })
    t.equal(response.statusCode, 413)
    t.equal(await response.body.text(), 'too large')
  }
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 20, faults: 0 } })
})
