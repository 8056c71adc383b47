import { connect as connectTcp } from 'node:net'
import t from 'tap'
import { connector } from '../../lib/connector.js'
import type { Probe } from '../../lib/index.js'
import { verdict } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { gateway, until } from '../kit/index.js'
import { identity, pem, tlsUpstream } from '../kit/tls/index.js'

const ca = pem('ca')

t.test('the name that is asked for is the host of the target, whatever Host is sent', async t => {
  for (const preserveHost of [false, true]) {
    const { named, handshakes, hits } = await tlsUpstream(t, identity('server'))
    const { request } = await gateway(t, { targets: [named], tls: { ca }, preserveHost })
    for (const host of ['a.test', 'other.test:8443', '127.0.0.1']) {
      const { statusCode, body } = await request('/', { headers: { host } })
      t.equal(statusCode, 200, host)
      await body.dump()
    }
    t.equal(hits(), 3)
    t.match(handshakes, [{ servername: 'localhost' }])
    t.equal(handshakes.length, 1, 'one connection for all of them')
  }
})

t.test('an address is never asked for, and neither is what the client calls it', async t => {
  for (const preserveHost of [false, true]) {
    const { url, handshakes, hits } = await tlsUpstream(t, identity('server'))
    const { request } = await gateway(t, { targets: [url], tls: { ca }, preserveHost })
    for (const host of ['a.test', 'localhost', 'b.test', '127.0.0.1']) {
      const { statusCode, body } = await request('/', { headers: { host } })
      t.equal(statusCode, 200, host)
      await body.dump()
    }
    t.equal(hits(), 4)
    t.match(handshakes, [{ servername: false }])
    t.equal(handshakes.length, 1, 'one connection for all of them')
  }
})

t.test('a client can not choose the name that an address is verified by', async t => {
  const { url, hits } = await tlsUpstream(t, identity('wrong-name'))
  const { request } = await gateway(t, { targets: [url], tls: { ca }, preserveHost: true })
  const { statusCode, body } = await request('/', { headers: { host: 'other.test' } })
  t.equal(statusCode, 502)
  t.match(await body.json(), { code: 'FST_BALANCER_UNREACHABLE' })
  t.equal(hits(), 0)
  t.match(await verdict(t, url, { path: '/', headers: { host: 'other.test' } }, { tls: { ca } }), "IP: 127.0.0.1 is not in the cert's list")
  const probe: Probe = async (_target, dispatcher, signal) => {
    await dispatcher.request({ method: 'GET', path: '/', headers: { host: 'other.test' }, signal })
  }
  t.match(await verdict(t, url, { probe }, { tls: { ca } }), "IP: 127.0.0.1 is not in the cert's list")
})

t.test('a configured name is asked for and verified, for names and for addresses', async t => {
  // With TLS 1.3 a tcp probe may be gone before the server has seen its handshake end.
  const { url, named, handshakes } = await tlsUpstream(t, { ...identity('wrong-name'), maxVersion: 'TLSv1.2' })
  for (const target of [url, named]) {
    for (const preserveHost of [false, true]) {
      const { request } = await gateway(t, { targets: [target], tls: { ca, servername: 'other.test' }, preserveHost })
      const { statusCode, body } = await request('/', { headers: { host: 'a.test' } })
      t.equal(statusCode, 200)
      await body.dump()
    }
    for (const health of [{ path: '/' }, { type: 'tcp' } as const]) t.equal(await verdict(t, target, health, { tls: { ca, servername: 'other.test' } }), 'up')
  }
  await until(() => handshakes.length === 8)
  for (const { servername } of handshakes) t.equal(servername, 'other.test')
})

t.test('the dot of the root is no part of the name', async t => {
  const { port, handshakes } = await tlsUpstream(t, { ...identity('server'), maxVersion: 'TLSv1.2' })
  const connect = connector(new VirtualClock(), 0, { rejectUnauthorized: false })
  // Over a connection that is there already, since not every system resolves it.
  const httpSocket = connectTcp(port, '127.0.0.1')
  const error = await new Promise(resolve => {
    connect({ hostname: 'localhost.', host: `localhost.:${port}`, protocol: 'https:', port: String(port), httpSocket }, (error, socket) => {
      socket?.destroy()
      resolve(error)
    })
  })
  t.equal(error, null)
  await until(() => handshakes.length > 0)
  t.match(handshakes, [{ servername: 'localhost' }])
})
