import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { until, upstream } from '../kit/index.js'
import { CERT, deserted, poolOf, tlsUpstream, verdict } from './kit.js'

t.test('probes do not wait behind requests that keep the target busy, nor travel on their connections', async t => {
  const busy = new Set<number | undefined>()
  let probes = 0
  const target = await upstream(t, (request, response) => {
    if (request.url === '/slow') {
      busy.add(request.socket.remotePort)
    } else {
      t.notOk(busy.has(request.socket.remotePort))
      probes++
      response.end()
    }
  })
  const { pool, member } = poolOf(t, { targets: [target.url], health: { path: '/healthz', interval: 10, timeout: 5000 } })
  const requests = Array.from({ length: 200 }, async () => { await pool.request({ method: 'GET', path: '/slow' }).catch(() => {}) })
  await until(() => busy.size === 200)
  pool.start()
  await until(() => probes >= 5)
  t.equal(member(target.url).health, 'up')
  t.equal(member(target.url).inFlight, 200, 'and are not counted as requests')
  await pool.destroy()
  await Promise.all(requests)
})

t.test('a certificate that nobody vouches for is a failure, and one by a trusted authority is not', async t => {
  const { url, port } = await tlsUpstream(t, (_request, response) => { response.end() })
  t.match(await verdict(t, url, { path: '/' }), 'self-signed certificate')
  t.equal(await verdict(t, url, { path: '/' }, { tls: { ca: CERT } }), 'up', 'for an address')
  t.equal(await verdict(t, `https://localhost:${port}`, { path: '/' }, { tls: { ca: CERT } }), 'up', 'for a name')
  t.equal(await verdict(t, url, { path: '/' }, { tls: { rejectUnauthorized: false } }), 'up', 'when it is not looked at')
})

t.test('the certificate must be for the name that the pool asks for', async t => {
  const { url } = await tlsUpstream(t, (_request, response) => { response.end() })
  const reason = await verdict(t, url, { path: '/' }, { tls: { ca: CERT, servername: 'orders.internal' } })
  t.match(reason, /Host: orders\.internal\. is not in the cert's altnames/)
})

t.test('a host header of the probe does not change which name the certificate must be for', async t => {
  let host: string | undefined
  const { url, port } = await tlsUpstream(t, (request, response) => {
    host = request.headers.host
    response.end()
  })
  const health = { path: '/', headers: { host: 'shop.internal' } }
  t.equal(await verdict(t, `https://localhost:${port}`, health, { tls: { ca: CERT } }), 'up', 'the target\'s own')
  t.equal(host, 'shop.internal')
  t.equal(await verdict(t, url, health, { tls: { ca: CERT, servername: 'localhost' } }), 'up', 'or the configured one')
})

t.test('a handshake that is never completed fails when time is up, and its connection is closed', async t => {
  const server = createServer(socket => { socket.on('error', () => {}).resume() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const { port } = server.address() as AddressInfo
  t.equal(await verdict(t, `https://127.0.0.1:${port}`, { path: '/', timeout: 100 }), 'no answer within 100 ms')
  await deserted(server)
})
