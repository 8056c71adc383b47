import { connect as connectHttp2 } from 'node:http2'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import t from 'tap'
import { answering, gateway, named, sha256, until, type Echo } from '../kit/index.js'

const BODY = Buffer.alloc(300_000, 'query ')

t.test('a body of GET, HEAD, DELETE or OPTIONS is forwarded', async t => {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, { targets: [url] })
  for (const method of ['GET', 'DELETE', 'OPTIONS'] as const) {
    for (const body of [() => 'small', () => BODY, () => Readable.from([BODY.subarray(0, 7), BODY.subarray(7)])]) {
      const { statusCode, body: answer } = await request('/', { method, body: body(), headers: { 'content-type': 'application/json' } })
      t.equal(statusCode, 200)
      t.match(await answer.json(), { method, sha256: sha256(typeof body() === 'string' ? Buffer.from('small') : BODY) })
    }
  }
  const { headers, body } = await request('/', { method: 'HEAD', body: 'small' })
  t.equal(headers['x-name'], 'a')
  await body.dump()
})

t.test('a GET without a body is sent without one', async t => {
  const { url } = await named(t, 'a')
  const { port } = await gateway(t, { targets: [url] })
  for (const fields of ['', 'Content-Length: 0\r\n', 'Content-Type: application/json\r\n']) {
    const socket = connect(port, '127.0.0.1')
    let seen = ''
    socket.on('data', chunk => { seen += chunk.toString('latin1') })
    socket.write(`GET / HTTP/1.1\r\nHost: g\r\n${fields}Connection: close\r\n\r\n`)
    await once(socket, 'close')
    const { bytes, headers } = JSON.parse(seen.slice(seen.indexOf('{'))) as Echo
    t.equal(bytes, 0)
    t.notOk('transfer-encoding' in headers, fields)
    t.ok([undefined, '0'].includes(headers['content-length']))
  }
})

t.test('a GET with a small body moves on with it', async t => {
  const { url } = await named(t, 'second')
  const { request } = await gateway(t, { policy: 'first', targets: [await answering(t, '', 'reset'), url] })
  const { statusCode, body } = await request('/', { body: 'small' })
  t.equal(statusCode, 200)
  t.match(await body.json(), { name: 'second', bytes: 5 })
})

t.test('a body of GET over HTTP/2, with and without a length', async t => {
  const { url } = await named(t, 'a')
  const { port } = await gateway(t, { targets: [url] }, { http2: true } as object)
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.teardown(() => { session.destroy() })
  for (const fields of [{}, { 'content-length': BODY.length }]) {
    const stream = session.request({ ':path': '/', ':method': 'GET', ...fields }, { endStream: false })
    stream.end(BODY)
    let answer = ''
    stream.on('data', chunk => { answer += String(chunk) })
    await once(stream, 'end')
    t.match(JSON.parse(answer), { sha256: sha256(BODY) })
  }
})

t.test('a GET whose upload is cut short is nobody\'s fault', async t => {
  const { url } = await named(t, 'a')
  const { app, port } = await gateway(t, { targets: [url] })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\n\r\nhalf')
  await until(() => app.upstreams['default']?.targets[0]?.inFlight === 1)
  socket.destroy()
  await until(() => app.upstreams['default']?.targets[0]?.inFlight === 0)
  t.match(app.upstreams['default']?.targets[0]?.counters, { faults: 0, aborted: 1 })
})
