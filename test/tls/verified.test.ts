import t from 'tap'
import type { PoolOptions } from '../../lib/index.js'
import { verdict } from '../health/kit.js'
import { gateway } from '../kit/index.js'
import { identity, pem, tlsSink, tlsUpstream } from '../kit/tls/index.js'

const ca = pem('ca')

/** Certificates that must not be accepted. */
const BAD: Record<string, { server: { cert: string, key: string }, tls?: PoolOptions['tls'], code: string }> = {
  'signed by itself': { server: { cert: pem('cert'), key: pem('key') }, code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  'of an authority that nobody trusts': { server: identity('server'), code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
  'of another authority than the given one': { server: identity('other'), tls: { ca }, code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
  'for another name': { server: identity('wrong-name'), tls: { ca }, code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
  expired: { server: identity('expired'), tls: { ca }, code: 'CERT_HAS_EXPIRED' },
  'good, but not for the name that was configured': { server: identity('server'), tls: { ca, servername: 'other.test' }, code: 'ERR_TLS_CERT_ALTNAME_INVALID' }
}

for (const [what, { server, tls, code }] of Object.entries(BAD)) {
  t.test(`a target whose certificate is ${what} gets nothing of a request`, async t => {
    const sink = await tlsSink(t, server)
    for (const url of [sink.url, sink.named]) {
      const attempts: unknown[] = []
      const { request } = await gateway(t, { targets: [url], ...(tls === undefined ? undefined : { tls }) }, {
        before: app => app.addHook('onResponse', async request => {
          attempts.push(...request.attempts.map(({ outcome, error }) => [outcome, (error as NodeJS.ErrnoException).code]))
        })
      })
      for (const method of ['GET', 'POST'] as const) {
        const { statusCode, body } = await request('/', { method, body: method === 'POST' ? 'secret' : null })
        t.equal(statusCode, 502, method)
        t.match(await body.json(), { code: 'FST_BALANCER_UNREACHABLE' })
      }
      t.same(attempts, [['unsent', code], ['unsent', code]])
    }
    t.equal(sink.bytes(), 0)
  })

  t.test(`no probe takes a target for well whose certificate is ${what}`, async t => {
    const sink = await tlsSink(t, server)
    for (const health of [{ path: '/' }, { type: 'tcp' } as const]) {
      t.not(await verdict(t, sink.named, health, tls === undefined ? {} : { tls }), 'up')
    }
    t.equal(sink.bytes(), 0)
  })
}

t.test('probes do not make a bad certificate good', async t => {
  const sink = await tlsSink(t, identity('expired'))
  const { request } = await gateway(t, { targets: [sink.named], tls: { ca }, health: { type: 'tcp', interval: 20 } })
  for (let i = 0; i < 3; i++) {
    const { statusCode, body } = await request('/')
    t.equal(statusCode, 502)
    await body.dump()
  }
  t.equal(sink.bytes(), 0)
})

t.test('with the authority of its certificate a target is used, by its name and by its address', async t => {
  const { url, named, hits } = await tlsUpstream(t, identity('server'))
  for (const target of [url, named]) {
    for (const trusted of [ca, [pem('other-ca'), ca], Buffer.from(ca), `${pem('other-ca')}\n${ca}`]) {
      const { request } = await gateway(t, { targets: [target], tls: { ca: trusted } })
      const { statusCode, body } = await request('/')
      t.equal(statusCode, 200)
      await body.dump()
    }
    for (const health of [{ path: '/' }, { type: 'tcp' } as const]) t.equal(await verdict(t, target, health, { tls: { ca } }), 'up')
  }
  t.equal(hits(), 10)
})
