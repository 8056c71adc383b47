import { once } from 'node:events'
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { request as httpRequest, type InformationEvent } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { answering, gateway, named, rawUpstream } from '../kit/index.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\nLink: </b.js>; rel=preload\r\nX-Hint: 1\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n'

async function asked (port: number): Promise<{ statuses: number[], hints: InformationEvent[] }> {
  const request = httpRequest({ port, host: '127.0.0.1', agent: false })
  const hints: InformationEvent[] = []
  request.on('information', info => { hints.push(info) })
  request.end()
  const [response] = await once(request, 'response')
  response.resume()
  await once(response, 'end')
  return { statuses: [...hints.map(({ statusCode }) => statusCode), response.statusCode], hints }
}

t.test('early hints reach the client before the answer', async t => {
  const { port } = await gateway(t, { targets: [await answering(t, HINTS + OK)] })
  const { statuses, hints } = await asked(port)
  t.same(statuses, [103, 200])
  t.equal(hints[0]?.headers['link'], '</a.css>; rel=preload; as=style, </b.js>; rel=preload')
  t.equal(hints[0]?.headers['x-hint'], '1')
  t.notOk('x-hop' in (hints[0]?.headers ?? {}), 'what Connection names belongs to the other hop')
})

t.test('early hints come at once, however long the answer takes', async t => {
  let finish: () => void = () => {}
  const target = await rawUpstream(t, socket => {
    socket.once('data', () => { socket.write(HINTS) })
    finish = () => { socket.write(OK) }
  })
  const { port } = await gateway(t, { targets: [target] })
  const request = httpRequest({ port, host: '127.0.0.1', agent: false })
  request.end()
  await once(request, 'information')
  finish()
  const [response] = await once(request, 'response')
  response.resume()
  t.equal(response.statusCode, 200)
})

t.test('other informational answers do no harm', async t => {
  for (const [interim, passed] of [
    ['HTTP/1.1 102 Processing\r\n\r\n', [102]],
    ['HTTP/1.1 199 Odd\r\nX: y\r\n\r\n', []],
    ['HTTP/1.1 103 Early Hints\r\n\r\n', []],
    ['HTTP/1.1 103 Early Hints\r\nLink: not a link\r\n\r\n', []],
    [HINTS.repeat(100), Array(32).fill(103)]
  ] as const) {
    const { port, log } = await gateway(t, { targets: [await answering(t, interim + OK)] })
    t.same((await asked(port)).statuses, [...passed, 200], interim.slice(9, 24))
    t.notOk(log.some(({ level }) => level > 30))
  }
})

t.test('hints of a target that is given up are not taken back', async t => {
  const second = await named(t, 'second')
  const { port } = await gateway(t, { policy: 'first', targets: [await answering(t, HINTS, 'reset'), second.url] })
  t.same((await asked(port)).statuses, [103, 200])
})

t.test('a client of HTTP/1.0 gets the answer alone', async t => {
  const { port } = await gateway(t, { targets: [await answering(t, HINTS + OK)] })
  const socket = connect(port, '127.0.0.1')
  let seen = ''
  socket.on('data', chunk => { seen += chunk.toString('latin1') })
  socket.write('GET / HTTP/1.0\r\n\r\n')
  await once(socket, 'close')
  t.match(seen, /^HTTP\/1.1 200 /)
})

t.test('a client of HTTP/2 gets early hints too', async t => {
  const { port } = await gateway(t, { targets: [await answering(t, HINTS + OK)] }, { http2: true } as object)
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.teardown(() => { session.destroy() })
  const stream = session.request({ ':path': '/' })
  const hints: IncomingHttpHeaders[] = []
  stream.on('headers', headers => { hints.push(headers) })
  stream.resume()
  const [headers] = await once(stream, 'response')
  t.equal(headers[':status'], 200)
  t.equal(hints.length, 1)
  t.match(hints[0], { ':status': 103, 'x-hint': '1' })
})
