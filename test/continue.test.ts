import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { gateway, named, REFUSING, upstream, until, type Echo } from './kit/index.js'

/** A client of bytes. `seen` grows as they come. */
async function client (t: Test, port: number): Promise<{ socket: Socket, seen: () => string }> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  let seen = ''
  socket.on('data', chunk => { seen += chunk.toString('latin1') })
  await once(socket, 'connect')
  return { socket, seen: () => seen }
}

const HEAD = 'POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\nExpect: 100-continue\r\n'
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

t.test('a client is asked for its body when there is a target to send it to', async t => {
  const { url, hits } = await named(t, 'a')
  const { port } = await gateway(t, { policy: 'first', targets: [REFUSING, url] })
  const { socket, seen } = await client(t, port)
  socket.write(`${HEAD}\r\n`)
  await until(() => seen().length > 0)
  t.equal(seen(), CONTINUE)
  socket.write('hello')
  await until(() => seen().includes('}'))
  const echo = JSON.parse(seen().slice(seen().indexOf('{'))) as Echo
  t.equal(echo.bytes, 5)
  t.notOk('expect' in echo.headers)
  t.notMatch(seen(), /connection: close/i)
  // The connection is as good as any.
  socket.write('GET /next HTTP/1.1\r\nHost: g\r\n\r\n')
  await until(() => hits() === 2)
})

t.test('a hook that refuses spares the client its upload', async t => {
  const { url, hits } = await named(t, 'a')
  const { port } = await gateway(t, { targets: [url], preHandler: async (_request, reply) => await reply.code(401).send('who?') })
  const { socket, seen } = await client(t, port)
  const closed = once(socket, 'close')
  socket.write(`${HEAD}\r\n`)
  await closed
  t.match(seen(), /^HTTP\/1.1 401 /)
  t.match(seen(), /connection: close/i, 'nobody can know whether the body still comes')
  t.notMatch(seen(), '100 Continue')
  t.equal(hits(), 0)
})

t.test('an upstream that refuses is heard', async t => {
  const { url } = await upstream(t, (_request, response) => { response.writeHead(413, { 'content-length': 3 }).end('big') })
  const { port } = await gateway(t, { targets: [url] })
  const { socket, seen } = await client(t, port)
  socket.write(`${HEAD.replace('5', '100000')}\r\n`)
  await until(() => seen() === CONTINUE)
  socket.write('x'.repeat(10))
  await until(() => seen().endsWith('big'))
  t.match(seen().slice(CONTINUE.length), /^HTTP\/1.1 413 /)
})

t.test('nobody is asked for a body when no target can be reached', async t => {
  const { port } = await gateway(t, { targets: [REFUSING] })
  const { socket, seen } = await client(t, port)
  const closed = once(socket, 'close')
  socket.write(`${HEAD}\r\n`)
  await closed
  t.match(seen(), /^HTTP\/1.1 502 /)
})

t.test('a client that does not wait is served all the same', async t => {
  const { url } = await named(t, 'a')
  const { port } = await gateway(t, { targets: [url] })
  const { socket, seen } = await client(t, port)
  socket.write(`${HEAD}\r\nhello`)
  await until(() => seen().includes('}'))
  t.match(seen(), '"bytes":5')
})

t.test('routes of the app ask for a body when they read it', async t => {
  const { url } = await named(t, 'a')
  const { port } = await gateway(t, { prefix: '/api', targets: [url] }, { before: app => { app.post('/own', async request => request.body) } })
  const { socket, seen } = await client(t, port)
  socket.write(`${HEAD.replace('POST /', 'POST /own')}Content-Type: application/json\r\n\r\n`)
  await until(() => seen() === CONTINUE)
  socket.write('[1,2]')
  await until(() => seen().endsWith('[1,2]'))
  const other = await client(t, port)
  const closed = once(other.socket, 'close')
  other.socket.write(`${HEAD.replace('POST /', 'POST /none')}\r\n`)
  await closed
  t.match(other.seen(), /^HTTP\/1.1 404 /)
})

t.test('an app that answers expectations itself goes on doing so', async t => {
  const { url } = await named(t, 'a')
  let asked = 0
  const { port } = await gateway(t, { targets: [url] }, {
    before: app => {
      app.server.on('checkContinue', (request, response) => {
        asked++
        response.writeContinue()
        app.server.emit('request', request, response)
      })
    }
  })
  const { socket, seen } = await client(t, port)
  socket.write(`${HEAD}\r\n`)
  await until(() => seen() === CONTINUE)
  socket.write('hello')
  await until(() => seen().includes('}'))
  t.equal(asked, 1)
})
