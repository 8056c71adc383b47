import { Readable } from 'node:stream'
import type { Socket } from 'node:net'
import t from 'tap'
import { VirtualClock } from '../kit/clock.js'
import { gateway, sha256, until } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { ask, holding, poolIn } from './holding.js'

const BODY = Buffer.alloc(5 * 2 ** 20, 'The quick brown fox jumps over the lazy dog. ')

t.test('uploads that have waited in line are sent whole', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1, queueTimeout: 0 } })
  const first = ask(gate, '/first')
  await until(() => target.held() === 1)
  const uploads = [
    ask(gate, '/chunked', { method: 'POST', body: Readable.from([BODY.subarray(0, 100), BODY.subarray(100)]) }),
    ask(gate, '/length', { method: 'PUT', body: BODY }),
    ask(gate, '/announced', { method: 'POST', body: Readable.from([BODY]), headers: { 'content-length': String(BODY.length) } })
  ]
  await until(() => poolIn(gate).load.waiting === 3)
  target.open()
  t.equal((await first).status, 200)
  for (const { status, text } of await Promise.all(uploads)) t.same([status, text], [200, sha256(BODY)])
})

t.test('of an upload in line no more is read than a connection buffers by itself', async t => {
  const target = await holding(t)
  const sockets = new Map<string, Socket>()
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1, queueTimeout: 0 } }, {
    before: app => { app.addHook('onRequest', async request => { sockets.set(request.url, request.raw.socket) }) }
  })
  const first = ask(gate, '/first')
  await until(() => target.held() === 1)
  const upload = ask(gate, '/upload', { method: 'POST', body: BODY })
  await until(() => poolIn(gate).load.waiting === 1)
  // Time enough to read all of it, were it to be read.
  for (let turns = 0; turns < 200; turns++) await new Promise(resolve => { setImmediate(resolve) })
  const read = sockets.get('/upload')?.bytesRead ?? Infinity
  t.ok(read < 500_000, `${read} of ${BODY.length} bytes`)
  t.equal(target.hits(), 1)
  target.open()
  t.equal((await upload).text, sha256(BODY))
  t.equal((await first).status, 200)
})

t.test('a client that waits for 100 Continue is asked for its body only when its turn has come', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1, queueTimeout: 0 } })
  const first = ask(gate, '/first')
  await until(() => target.held() === 1)
  const client = await rawClient(t, gate.port)
  await client.send('POST /second HTTP/1.1\r\nHost: g.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')
  await until(() => poolIn(gate).load.waiting === 1)
  await ask(gate, '/nowhere', { method: 'TRACE' as never })
  t.equal(client.received, '', 'nothing yet')
  target.open()
  await client.when(() => client.received.startsWith('HTTP/1.1 100 ') ? true : undefined, '100 Continue')
  await client.send('hello')
  const answer = await client.response()
  t.same([answer?.status, answer?.body], [200, sha256(Buffer.from('hello'))])
  t.equal((await first).status, 200)
})

t.test('an upload that is turned away is answered without being read', async t => {
  const clock = new VirtualClock()
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1 }, clock })
  const first = ask(gate, '/first')
  await until(() => target.held() === 1)
  const client = await rawClient(t, gate.port)
  await client.send('POST /second HTTP/1.1\r\nHost: g.test\r\nContent-Length: 1000000\r\n\r\nsome of it')
  await until(() => poolIn(gate).load.waiting === 1)
  await clock.advance(1000)
  t.match(await client.response(), { status: 503 })
  target.open()
  t.equal((await first).status, 200)
  t.same(target.paths, ['/first'])
})
