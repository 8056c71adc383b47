import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { rawUpstream, REFUSING, until } from '../kit/index.js'
import { CERT, deserted, poolOf, tlsUpstream, verdict } from './kit.js'

const tcp = { type: 'tcp', timeout: 5000 } as const

/** A server that accepts and never says anything. */
async function mute (t: Test): Promise<{ server: Server, port: number, sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {}).resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { server, port: (server.address() as AddressInfo).port, sockets }
}

t.test('who accepts a connection is well; nothing is sent on it and it is closed', async t => {
  let bytes = 0
  const closed: Array<Promise<unknown>> = []
  const url = await rawUpstream(t, socket => {
    closed.push(once(socket, 'close'))
    socket.on('data', chunk => { bytes += chunk.length })
  })
  t.equal(await verdict(t, url, tcp), 'up')
  t.equal(closed.length, 1)
  await Promise.all(closed)
  t.equal(bytes, 0)
})

t.test('who refuses is not', async t => {
  t.equal(await verdict(t, REFUSING, tcp), 'connect ECONNREFUSED 127.0.0.1:1')
})

t.test('a base path makes no difference', async t => {
  const { port } = await mute(t)
  t.equal(await verdict(t, `http://127.0.0.1:${port}/base`, tcp), 'up')
})

t.test('with a port of its own the probe goes there', async t => {
  const sidecar = await mute(t)
  t.equal(await verdict(t, REFUSING, { ...tcp, port: sidecar.port }), 'up')
  const target = await mute(t)
  t.match(await verdict(t, `http://127.0.0.1:${target.port}`, { ...tcp, port: 1 }), 'ECONNREFUSED 127.0.0.1:1')
  t.equal(target.sockets.length, 0)
})

t.test('for https the handshake counts, and the certificate with it', async t => {
  const { url, port, server } = await tlsUpstream(t, (_request, response) => { response.end() })
  let requests = 0
  server.on('request', () => { requests++ })
  t.match(await verdict(t, url, tcp), 'self-signed certificate')
  t.equal(await verdict(t, url, tcp, { tls: { ca: CERT } }), 'up')
  t.equal(await verdict(t, `https://localhost:${port}`, tcp, { tls: { ca: CERT } }), 'up')
  t.match(await verdict(t, url, tcp, { tls: { ca: CERT, servername: 'orders.internal' } }), 'orders.internal')
  t.equal(requests, 0)
  await deserted(server)
})

t.test('for https a server that does not speak TLS is not well', async t => {
  const url = await rawUpstream(t, socket => { socket.once('data', () => { socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') }) })
  t.match(await verdict(t, url.replace('http:', 'https:'), { ...tcp, timeout: 30_000 }), /wrong version number|packet length too long|SSL/i)
})

t.test('a handshake that is never completed fails when time is up, and its connection is closed', async t => {
  const { server, port } = await mute(t)
  t.equal(await verdict(t, `https://127.0.0.1:${port}`, { ...tcp, timeout: 100 }), 'no answer within 100 ms')
  await deserted(server)
})

t.test('a handshake that is under way ends with the probes', async t => {
  const { server, port, sockets } = await mute(t)
  const { pool } = poolOf(t, { targets: [`https://127.0.0.1:${port}`], health: { ...tcp, timeout: 60_000 } })
  pool.start()
  await until(() => sockets.length === 1)
  pool.stop()
  await deserted(server)
})
