import t from 'tap'
import type { PoolOptions } from '../../lib/index.js'
import { verdict } from '../health/kit.js'
import { gateway, named } from '../kit/index.js'
import { identity, pem, pemPath, tlsUpstream } from '../kit/tls/index.js'

const ca = pem('ca')
const own = { cert: pem('client'), key: pem('client-key') }
const demanding = { ...identity('server'), ca: pem('client-ca'), requestCert: true, rejectUnauthorized: true }

/** Every way to give the same certificate. */
const WAYS: Record<string, PoolOptions['tls']> = {
  'as PEM': { ca, ...own },
  'as bytes': { ca: [Buffer.from(ca)], cert: Buffer.from(own.cert), key: Buffer.from(own.key) },
  'as files': { caFile: pemPath('ca'), certFile: pemPath('client'), keyFile: pemPath('client-key') },
  'as files and PEM': { caFile: [pemPath('other-ca'), pemPath('ca')], certFile: pemPath('client'), key: own.key },
  'with an encrypted key': { ca, cert: own.cert, keyFile: pemPath('client-key-encrypted'), passphrase: 'correct-horse' },
  'with a passphrase that is not needed': { ca, ...own, passphrase: 'unused' }
}

for (const [way, tls = {}] of Object.entries(WAYS)) {
  t.test(`a target sees the certificate of the gateway, given ${way}`, async t => {
    const { named: target } = await tlsUpstream(t, demanding)
    const { request } = await gateway(t, { targets: [target], tls })
    const { statusCode, body } = await request('/')
    t.equal(statusCode, 200)
    t.equal(await body.text(), 'client')
  })
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const options = { ...demanding, minVersion: version, maxVersion: version }

  t.test(`${version}: probes show the certificate of the gateway too`, async t => {
    const { named: target } = await tlsUpstream(t, options)
    for (const health of [{ path: '/', body: 'client' }, { type: 'tcp' } as const]) t.equal(await verdict(t, target, health, { tls: { ca, ...own } }), 'up')
  })

  t.test(`${version}: a target that wants a certificate answers none without it, nor with one that it does not trust`, async t => {
    const { named: target, hits } = await tlsUpstream(t, options)
    for (const tls of [{ ca }, { ca, cert: pem('other'), key: pem('other-key') }]) {
      const { request } = await gateway(t, { targets: [target], tls })
      for (const method of ['GET', 'POST'] as const) {
        const { statusCode, body } = await request('/', { method, body: method === 'POST' ? 'secret' : null })
        t.equal(statusCode, 502)
        // With TLS 1.3 the server looks at the certificate when the client may already have sent.
        t.match(await body.json(), { code: version === 'TLSv1.2' ? 'FST_BALANCER_UNREACHABLE' : 'FST_BALANCER_FAILED' })
      }
      t.not(await verdict(t, target, { path: '/' }, { tls }), 'up')
    }
    t.equal(hits(), 0)
  })

  t.test(`${version}: a GET moves on from a target that wants another certificate`, async t => {
    const { named: target } = await tlsUpstream(t, options)
    const good = await named(t, 'good')
    const { request } = await gateway(t, { policy: 'first', targets: [target, good.url], tls: { ca } })
    const { statusCode, headers, body } = await request('/')
    t.equal(statusCode, 200)
    t.equal(headers['x-name'], 'good')
    await body.dump()
  })
}
