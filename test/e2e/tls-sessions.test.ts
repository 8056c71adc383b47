import t from 'tap'
import { gateway } from '../kit/index.js'
import { identity, pem, tlsUpstream } from '../kit/tls/index.js'

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${version}: no session that was agreed on with one name is resumed with another`, async t => {
    const { url, handshakes } = await tlsUpstream(t, { ...identity('server'), minVersion: version, maxVersion: version }, (_request, response) => {
      response.setHeader('connection', 'close')
      response.end()
    })
    const names = ['a.test', 'b.test', 'c.test']
    const { request } = await gateway(t, {
      pools: Object.fromEntries(names.map(name => [name, { targets: [url], tls: { ca: pem('ca'), servername: name, rejectUnauthorized: false } }])),
      routes: names.map(name => ({ prefix: `/${name}`, pool: name }))
    })
    let resumptions = 0
    for (const name of names) {
      for (let i = 0; i < 5; i++) {
        const { statusCode, body } = await request(`/${name}`)
        await body.dump()
        t.equal(statusCode, 200)
        const { servername, resumed } = handshakes.at(-1) ?? {}
        if (i === 0) t.same([servername, resumed], [name, false], `${name}: the first is a full handshake`)
        if (resumed === true) resumptions++
      }
    }
    t.equal(handshakes.length, 15)
    t.ok(resumptions > 0, 'sessions are resumed at all')
  })
}
