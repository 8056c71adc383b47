import { connect } from 'node:net'
import t from 'tap'
import { gateway, rawUpstream, sha256, until } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { handshake, inFlight, SWITCHING, switching } from './kit.js'

/** Bytes in an order that shows when it is changed. */
function numbered (length: number): Buffer {
  return Buffer.from(Uint32Array.from({ length: length / 4 }, (_, i) => i).buffer)
}

t.test('what a client sends before the 101 reaches the upstream behind the handshake, in order', async t => {
  for (const size of [4, 1000, 65_536, 70_000, 1_000_000]) {
    const early = numbered(size)
    for (const packets of ['one', 'two', 'many'] as const) {
      let received = Buffer.alloc(0)
      let open = (): void => {}
      const url = await rawUpstream(t, socket => {
        socket.on('data', (chunk: Buffer) => {
          if (chunk.includes('\r\n\r\n') && received.length === 0) open = () => { socket.write(SWITCHING) }
          received = Buffer.concat([received, chunk])
        })
      })
      const { port } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true })
      const socket = connect(port, '127.0.0.1')
      t.teardown(() => { socket.destroy() })
      socket.setNoDelay(true)
      if (packets === 'one') {
        socket.write(Buffer.concat([Buffer.from(handshake('/ws')), early]))
      } else {
        socket.write(handshake('/ws'))
        for (let at = 0; at < size; at += packets === 'two' ? size : 10_000) {
          socket.write(early.subarray(at, packets === 'two' ? size : at + 10_000))
          await new Promise(resolve => { setImmediate(resolve) })
        }
      }
      await until(() => received.includes('\r\n\r\n'))
      const head = received.indexOf('\r\n\r\n') + 4
      await new Promise(resolve => { setTimeout(resolve, 10) })
      t.equal(received.length, head, 'nothing goes out before the upstream has agreed')
      open()
      await until(() => received.length === head + size)
      t.equal(sha256(received.subarray(head)), sha256(early), `${size} bytes in ${packets}`)
      socket.destroy()
    }
  }
})

t.test('what an upstream sends with its 101 reaches the client behind it, in order', async t => {
  for (const size of [4, 65_536, 400_000]) {
    const head = numbered(size).toString('latin1')
    const { app, port } = await gateway(t, { prefix: '/ws', targets: [await switching(t, socket => { socket.write('the end') }, head)], websocket: true })
    const client = await rawClient(t, port)
    await client.send(handshake('/ws'))
    const at = await client.when(() => client.received.endsWith('the end') ? client.received.indexOf('\r\n\r\n') + 4 : undefined)
    t.equal(client.received.slice(at) === `${head}the end`, true, `${size} bytes`)
    client.destroy()
    await until(() => inFlight(app) === 0)
  }
})

t.test('the 101 has the upstream\'s fields, and those of the next hop replaced', async t => {
  const url = await rawUpstream(t, socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Go\r\nupgrade: WebSocket\r\nConnection: upgrade, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nSec-WebSocket-Accept: abc\r\n' +
        'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\nSec-WebSocket-Protocol: chat\r\nX-Twice: 1\r\nX-Twice: 2\r\nDate: yesterday\r\n\r\n')
    })
  })
  const { port } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true })
  const client = await rawClient(t, port)
  await client.send(handshake('/ws'))
  await client.when(() => client.received.includes('\r\n\r\n') || undefined)
  t.same(client.received.toLowerCase().split('\r\n').filter(line => line !== '').sort(), [
    'connection: upgrade', 'date: yesterday', 'http/1.1 101 switching protocols', 'sec-websocket-accept: abc',
    'sec-websocket-extensions: permessage-deflate; server_no_context_takeover', 'sec-websocket-protocol: chat', 'upgrade: websocket', 'x-twice: 1', 'x-twice: 2'
  ])
})

t.test('the handshake has the client\'s fields, and one Connection and Upgrade', async t => {
  let received = ''
  const url = await rawUpstream(t, socket => { socket.on('data', chunk => { received += String(chunk) }) })
  const { port } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true })
  const client = await rawClient(t, port)
  await client.send(handshake('/ws/a%2Fb?x=%20', 'Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nOrigin: http://o.test\r\nCookie: a=1\r\nAuthorization: Bearer x\r\nKeep-Alive: 5\r\n'))
  await until(() => received.includes('\r\n\r\n'))
  const lines = received.split('\r\n')
  t.equal(lines[0], 'GET /a%2Fb?x=%20 HTTP/1.1')
  const names = lines.slice(1).filter(line => line !== '').map(line => line.toLowerCase())
  for (const line of ['connection: upgrade', 'upgrade: websocket', 'sec-websocket-version: 13', 'sec-websocket-key: dghlihnhbxbszsbub25jzq==', 'sec-websocket-protocol: a, b',
    'sec-websocket-extensions: permessage-deflate; client_max_window_bits', 'origin: http://o.test', 'cookie: a=1', 'authorization: bearer x']) {
    t.equal(names.filter(each => each === line).length, 1, line)
  }
  t.notOk(names.some(line => /^(?:keep-alive|content-length|transfer-encoding):/.test(line)))
})
