import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { digest, gateway, sha256, upstream } from '../kit/index.js'

/** What may not be held back until it is whole. */
const STREAMED: Record<string, (response: ServerResponse) => void> = {
  'of unknown length': () => {},
  'longer than 16 KiB': response => { response.setHeader('content-length', 17 * 1024) },
  'with a status that is an error': response => { response.statusCode = 500 }
}

for (const [what, prepare] of Object.entries(STREAMED)) {
  t.test(`the first byte of a response ${what} arrives while the target holds the rest back`, async t => {
    let response: ServerResponse | undefined
    const target = await upstream(t, (_request, outgoing) => {
      response = outgoing
      prepare(outgoing)
      outgoing.write('1')
    })
    const { request } = await gateway(t, { targets: [target.url] })
    const { body } = await request('/')
    const [first] = await once(body, 'data') as [Buffer]
    t.equal(String(first), '1')
    // The target goes on only now that the client has something.
    response?.end('2'.repeat(17 * 1024 - 1))
    let rest = 0
    for await (const chunk of body) rest += (chunk as Buffer).length
    t.equal(rest, 17 * 1024 - 1)
  })
}

t.test('the headers of an event stream arrive before its first event, and each event as it is sent', async t => {
  let events: ServerResponse | undefined
  const target = await upstream(t, (_request, response) => {
    events = response
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    response.flushHeaders()
  })
  const { app, port } = await gateway(t, { name: 'pool', targets: [target.url] })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n')
  const [head] = await once(socket, 'data') as [Buffer]
  t.match(String(head), /^HTTP\/1\.1 200 OK\r\n[^]*content-type: text\/event-stream\r\n[^]*\r\n\r\n$/)
  for (const event of ['data: one\n\n', 'data: two\n\n']) {
    events?.write(event)
    const [chunk] = await once(socket, 'data') as [Buffer]
    t.equal(String(chunk), `${event.length.toString(16)}\r\n${event}\r\n`)
  }
  t.equal(app.upstreams['pool']?.targets[0]?.inFlight, 1, 'it is in flight for as long as it lasts')
  events?.end()
  const [end] = await once(socket, 'data') as [Buffer]
  t.equal(String(end), '0\r\n\r\n')
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 1 } })
  socket.destroy()
})

t.test('streamed bodies of many sizes, in pieces of many sizes, arrive byte for byte', async t => {
  const bytes = randomBytes(3_000_000)
  const target = await upstream(t, (request, response) => {
    const [, size = '0', piece = '1'] = (request.url ?? '').split('/')
    const body = bytes.subarray(0, Number(size))
    void (async () => {
      for (let at = 0; at < body.length; at += Number(piece)) {
        if (!response.write(body.subarray(at, at + Number(piece)))) await once(response, 'drain')
        else if (at % 7 === 0) await turn()
      }
      response.end()
    })()
  })
  const { app, request } = await gateway(t, { name: 'pool', targets: [target.url] })
  const cases = [[0, 1], [1, 1], [500, 1], [16_384, 5000], [65_536, 65_536], [65_537, 16_384], [1_000_000, 333_333], [3_000_000, 40_000], [3_000_000, 3_000_000]] as const
  await Promise.all(cases.map(async ([size, piece]) => {
    const { body } = await request(`/${size}/${piece}`)
    t.same(await digest(body), { bytes: size, sha256: sha256(bytes.subarray(0, size)) }, `${size} in pieces of ${piece}`)
  }))
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: cases.length, faults: 0 } })
})

t.test('an encoded body is passed on as it is', async t => {
  const packed = gzipSync('hello '.repeat(10_000))
  const target = await upstream(t, (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' })
    response.end(packed)
  })
  const { request } = await gateway(t, { targets: [target.url] })
  const response = await request('/')
  t.equal(response.headers['content-encoding'], 'gzip')
  t.ok(Buffer.from(await response.body.arrayBuffer()).equals(packed))
})

t.test('connections to a target are kept and used again, streamed answers or not', async t => {
  const target = await upstream(t, (request, response) => {
    if (request.url === '/streamed') response.write('a')
    response.end('b')
  })
  let connections = 0
  target.server.on('connection', () => { connections++ })
  const { request } = await gateway(t, { targets: [target.url] })
  for (let i = 0; i < 30; i++) await (await request(i % 2 === 0 ? '/streamed' : '/small')).body.dump()
  t.equal(connections, 1)
})
