import t from 'tap'
import { gateway, until } from '../kit/index.js'
import { identity, pem, tlsUpstream } from '../kit/tls/index.js'

const ca = pem('ca')
const client = { cert: pem('client'), key: pem('client-key') }
const client2 = { cert: pem('client2'), key: pem('client2-key') }

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  // One request per connection, so that each one could resume what the one before agreed on.
  const options = { ...identity('server'), ca: pem('client-ca'), requestCert: true, rejectUnauthorized: false, minVersion: version, maxVersion: version }

  t.test(`${version}: a target's connections resume their sessions, and those of no other pool`, async t => {
    const { named, handshakes } = await tlsUpstream(t, options, (_request, response) => {
      response.setHeader('connection', 'close')
      response.end(handshakes.at(-1)?.client ?? 'nobody')
    })
    const { request } = await gateway(t, {
      pools: {
        nobody: { targets: [named], tls: { ca } },
        client: { targets: [named], tls: { ca, ...client } },
        client2: { targets: [named], tls: { ca, ...client2 } }
      },
      routes: ['nobody', 'client', 'client2'].map(pool => ({ pool, prefix: `/${pool}` }))
    })
    const seen: boolean[] = []
    for (let round = 0; round < 3; round++) {
      for (const pool of ['client', 'nobody', 'client2'] as const) {
        const { statusCode, body } = await request(`/${pool}`)
        t.equal(statusCode, 200)
        t.equal(await body.text(), pool)
        const { resumed } = handshakes.at(-1) ?? { resumed: undefined }
        // undici keeps sessions by weak references, so a later one may have been collected; the first has nothing to resume.
        if (round === 0) t.equal(resumed, false, `${pool}: the first is a full handshake`)
        else seen.push(resumed === true)
      }
    }
    t.equal(handshakes.length, 9)
    t.ok(seen.includes(true), 'sessions are resumed at all')
  })

  t.test(`${version}: two targets of a pool share no session`, async t => {
    const shared = { ...options, ticketKeys: Buffer.alloc(48, 7) }
    const [one, two] = await Promise.all([tlsUpstream(t, shared), tlsUpstream(t, shared)])
    const { request } = await gateway(t, { targets: [one.named, two.named], tls: { ca, ...client } })
    for (let i = 0; i < 2; i++) await (await request('/')).body.dump()
    await until(() => one.handshakes.length + two.handshakes.length === 2)
    t.match(one.handshakes, [{ resumed: false, client: 'client' }])
    t.match(two.handshakes, [{ resumed: false, client: 'client' }])
  })
}
