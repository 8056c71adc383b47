import t from 'tap'
import { verdict } from '../health/kit.js'
import { gateway, named as plain, rawUpstream, until, upstream } from '../kit/index.js'
import { identity, pem, tlsUpstream } from '../kit/tls/index.js'

const ca = pem('ca')

t.test('what is offered is HTTP/1.1 and nothing else, by requests and by probes', async t => {
  // With TLS 1.3 a tcp probe may be gone before the server has seen its handshake end.
  const { named, handshakes } = await tlsUpstream(t, { ...identity('server'), ALPNProtocols: ['h2', 'http/1.1'], maxVersion: 'TLSv1.2' })
  const { request } = await gateway(t, { targets: [named], tls: { ca } })
  const { statusCode, body } = await request('/')
  t.equal(statusCode, 200)
  await body.dump()
  for (const health of [{ path: '/' }, { type: 'tcp' } as const]) t.equal(await verdict(t, named, health, { tls: { ca } }), 'up')
  await until(() => handshakes.length === 3)
  t.same(handshakes.map(({ alpn }) => alpn), ['http/1.1', 'http/1.1', 'http/1.1'])
})

t.test('a target that speaks nothing but HTTP/2, or nothing but TLS 1.1, is not reached', async t => {
  const modern = await tlsUpstream(t, { ...identity('server'), ALPNProtocols: ['h2'] })
  const old = await tlsUpstream(t, { ...identity('server'), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
  for (const { named, hits } of [modern, old]) {
    const { request } = await gateway(t, { targets: [named], tls: { ca } })
    const { statusCode, body } = await request('/')
    t.equal(statusCode, 502)
    t.match(await body.json(), { code: 'FST_BALANCER_UNREACHABLE' })
    t.equal(hits(), 0)
  }
})

t.test('a target that speaks without TLS is left at once, and nothing is sent to it', async t => {
  const seen: Buffer[] = []
  const talking = (greeting: string) => (socket: import('node:net').Socket): void => {
    socket.on('data', chunk => { seen.push(chunk) })
    socket.write(greeting)
  }
  const http = await upstream(t, (_request, response) => { response.end() })
  const targets = [http.url, await rawUpstream(t, talking('220 mail.test ESMTP\r\n')), await rawUpstream(t, talking('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))]
  const good = await plain(t, 'good')
  for (const url of targets.map(url => url.replace('http:', 'https:'))) {
    // Long enough to tell an answer from a timeout.
    const { request } = await gateway(t, { policy: 'first', targets: [url, good.url], timeouts: { connect: 60_000 } })
    const start = performance.now()
    const { statusCode, headers, body } = await request('/secret', { method: 'POST', body: 'secret' })
    t.equal(statusCode, 200)
    t.equal(headers['x-name'], 'good')
    await body.dump()

    const alone = await gateway(t, { targets: [url], timeouts: { connect: 60_000 } })
    const refused = await alone.request('/secret')
    t.equal(refused.statusCode, 502)
    t.match(await refused.body.json(), { code: 'FST_BALANCER_UNREACHABLE' })
    t.ok(performance.now() - start < 20_000)
    for (const health of [{ path: '/' }, { type: 'tcp' } as const]) t.not(await verdict(t, url, { timeout: 60_000, ...health }), 'up')
  }
  t.equal(http.hits(), 0)
  t.notMatch(Buffer.concat(seen).toString('latin1'), /secret|HTTP\/1/)
})

t.test('a handshake that never ends is a timeout, and another target is used when there is one', async t => {
  const silent = (await rawUpstream(t, () => {})).replace('http:', 'https:')
  const good = await tlsUpstream(t, identity('server'))
  const alone = await gateway(t, { targets: [silent], tls: { ca }, timeouts: { connect: 100 } })
  const { statusCode, body } = await alone.request('/', { method: 'POST', body: 'x' })
  t.equal(statusCode, 504)
  t.match(await body.json(), { code: 'FST_BALANCER_CONNECT_TIMEOUT' })

  const both = await gateway(t, { policy: 'first', targets: [silent, good.named], tls: { ca }, timeouts: { connect: 100 } })
  const answered = await both.request('/', { method: 'POST', body: 'x' })
  t.equal(answered.statusCode, 200)
  await answered.body.dump()
  t.equal(good.hits(), 1)
})
