import compress from '@fastify/compress'
import { connect as connectHttp2 } from 'node:http2'
import { once } from 'node:events'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { answering, gateway, rawUpstream, until, type Gateway } from '../kit/index.js'

const CHUNKED = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum, Host\r\n\r\n' +
  '5\r\nhello\r\n0\r\nX-Checksum: abc\r\nHost: h\r\nSet-Cookie: a=b\r\n\r\n'

/** What a client of bytes is answered, until the connection is quiet or closed. */
async function exchange (t: Test, { port }: Gateway, request: string, last: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  let seen = ''
  socket.on('data', chunk => { seen += chunk.toString('latin1') })
  socket.write(request)
  await until(() => seen.endsWith(last))
  return seen
}

t.test('a client that asks for trailers gets them', async t => {
  const gate = await gateway(t, { targets: [await answering(t, CHUNKED)] })
  const seen = await exchange(t, gate, 'GET / HTTP/1.1\r\nHost: g\r\nTE: trailers\r\n\r\n', '\r\n0\r\nX-Checksum: abc\r\n\r\n')
  t.match(seen, /^trailer: X-Checksum\r$/im, 'announced, without what is not passed on')
  t.match(seen, /\r\n\r\n5\r\nhello\r\n0\r\n/)
})

t.test('a client that does not ask gets the body alone', async t => {
  const gate = await gateway(t, { targets: [await answering(t, CHUNKED)] })
  const seen = await exchange(t, gate, 'GET / HTTP/1.1\r\nHost: g\r\n\r\n', '0\r\n\r\n')
  t.notMatch(seen, /trailer|checksum/i)
})

t.test('a client of HTTP/1.0 gets the body alone, to the end of the connection', async t => {
  const { port } = await gateway(t, { targets: [await answering(t, CHUNKED)] })
  const socket = connect(port, '127.0.0.1')
  let seen = ''
  socket.on('data', chunk => { seen += chunk.toString('latin1') })
  socket.write('GET / HTTP/1.0\r\nTE: trailers\r\n\r\n')
  await once(socket, 'close')
  t.match(seen, /\r\n\r\nhello$/)
  t.notMatch(seen, /trailer|chunked/i)
})

t.test('a Trailer field without trailers harms nobody', async t => {
  const heads = [
    'HTTP/1.1 200 OK\r\nTrailer: X\r\nContent-Length: 2\r\n\r\nhi',
    `HTTP/1.1 200 OK\r\nTrailer: X\r\nContent-Length: 20000\r\n\r\n${'x'.repeat(20000)}`,
    'HTTP/1.1 204 No Content\r\nTrailer: X\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\nTrailer: X\r\nContent-Length: 100\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  ]
  for (const head of heads) {
    const { request } = await gateway(t, { targets: [await answering(t, head, 'end')] })
    for (const headers of [{}, { te: 'trailers' }]) {
      const { statusCode, body } = await request('/', { headers })
      t.equal(statusCode, Number(head.slice(9, 12)))
      await body.dump()
    }
  }
})

t.test('trailers survive an app that compresses', async t => {
  const gate = await gateway(t, { targets: [await answering(t, CHUNKED)] }, { before: app => app.register(compress, { threshold: 0 }) })
  const { headers, body, trailers } = await gate.request('/', { headers: { te: 'trailers', 'accept-encoding': 'gzip' } })
  t.equal(headers['content-encoding'], 'gzip')
  t.equal(String(gunzipSync(Buffer.from(await body.arrayBuffer()))), 'hello')
  t.match(trailers, { 'x-checksum': 'abc' })
})

t.test('a hook that collects the body leaves no room for trailers', async t => {
  const gate = await gateway(t, { targets: [await answering(t, CHUNKED)] }, {
    before: app => {
      app.addHook('onSend', async (_request, _reply, payload) => {
        let text = ''
        for await (const chunk of payload as AsyncIterable<Buffer>) text += String(chunk)
        return text
      })
    }
  })
  const { statusCode, body } = await gate.request('/', { headers: { te: 'trailers' } })
  t.equal(statusCode, 200)
  t.equal(await body.text(), 'hello')
})

t.test('a client of HTTP/2 gets trailers too', async t => {
  const target = await rawUpstream(t, socket => { socket.on('data', () => { socket.write(CHUNKED) }) })
  const { port } = await gateway(t, { targets: [target] }, { http2: true } as object)
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.teardown(() => { session.destroy() })
  for (const te of ['trailers', undefined]) {
    const stream = session.request({ ':path': '/', ...(te === undefined ? undefined : { te }) })
    let checksum: unknown
    stream.on('trailers', fields => { checksum = fields['x-checksum'] })
    let body = ''
    stream.on('data', chunk => { body += String(chunk) })
    await once(stream, 'close')
    t.equal(body, 'hello')
    t.equal(checksum, te === undefined ? undefined : 'abc')
  }
})
