import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import t from 'tap'
import { gateway, named, rawUpstream, until, upstream } from '../kit/index.js'

const MB = 1024 * 1024
const SIZE = 200 * MB
const PIECE = Buffer.alloc(64 * 1024, 'u')

/** Resolves once `value` has stood still for a while. */
async function standstill (value: () => number): Promise<void> {
  for (let before = -1; before !== value();) {
    before = value()
    await new Promise(resolve => { setTimeout(resolve, 500) })
  }
}

t.test('a target that stops reading holds the client back, and gets every byte once it reads again', async t => {
  let stuck: IncomingMessage | undefined
  let read = 0
  const target = await upstream(t, (request, response) => {
    request.pause()
    stuck = request
    request.on('data', (chunk: Buffer) => { read += chunk.length })
    request.pause()
    request.on('end', () => { response.end(String(read)) })
  })
  const { app, request } = await gateway(t, { name: 'pool', targets: [target.url] })

  let taken = 0
  const source = Readable.from((function * () {
    for (; taken < SIZE; taken += PIECE.length) yield PIECE
  })(), { highWaterMark: 1 })
  const before = process.memoryUsage().arrayBuffers
  const answer = request('/', { method: 'POST', body: source })
  await until(() => stuck !== undefined)
  await standstill(() => taken)

  t.ok(taken < 32 * MB, `the client was held back after ${Math.round(taken / MB)} MB`)
  t.ok(process.memoryUsage().arrayBuffers - before < 32 * MB, 'what was taken in is mostly in the sockets, not in memory')
  t.equal(app.upstreams['pool']?.targets[0]?.inFlight, 1)

  stuck?.resume()
  const response = await answer
  t.equal(await response.body.text(), String(SIZE))
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 1, faults: 0 } })
})

t.test('a target that never reads is given up after the headers timeout', async t => {
  const stuck = await rawUpstream(t, socket => { socket.pause() })
  const { app, request } = await gateway(t, { name: 'pool', targets: [stuck], timeouts: { headers: 300 } })
  const response = await request('/', { method: 'POST', body: Buffer.alloc(30 * MB) })
  t.equal(response.statusCode, 504)
  t.match(await response.body.json(), { code: 'FST_BALANCER_HEADERS_TIMEOUT' })
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { failed: 1 } })
})

t.test('a client that breaks the framing of its own upload is not the fault of a target', async t => {
  let arrived: IncomingMessage | undefined
  const first = await upstream(t, request => {
    arrived = request
    request.on('error', () => {})
    request.resume()
  })
  const second = await named(t, 'second')
  const { app, port } = await gateway(t, { name: 'pool', policy: 'first', targets: [first.url, second.url] })
  const socket: Socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.write('PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
  await until(() => arrived !== undefined)
  socket.write('not a number\r\n')
  await once(socket, 'close')
  await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
  t.match(app.upstreams['pool']?.targets[0], { counters: { attempts: 1, aborted: 1, faults: 0 } })
  t.equal(second.hits(), 0)
})

t.test('a stream that fails while the app transforms a body is an error of the app, not of a target', async t => {
  const first = await named(t, 'first')
  const second = await named(t, 'second')
  const { app, request } = await gateway(t, {
    name: 'pool',
    policy: 'first',
    targets: [first.url, second.url],
    preParsing: async () => Readable.from((async function * () {
      yield Buffer.from('good')
      throw Object.assign(new Error('not gzip'), { statusCode: 400, code: 'APP_NOT_GZIP' })
    })())
  })
  const response = await request('/', { method: 'PUT', body: 'whatever' })
  t.equal(response.statusCode, 400)
  t.match(await response.body.json(), { code: 'APP_NOT_GZIP' })
  t.same(app.upstreams['pool']?.targets.map(({ inFlight, counters }) => [inFlight, counters.faults, counters.aborted]), [[0, 0, 1], [0, 0, 0]])
})
