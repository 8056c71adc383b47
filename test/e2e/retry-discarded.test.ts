import t from 'tap'
import { gateway, named, until, upstream } from '../kit/index.js'
import { connections } from '../health/kit.js'

const LARGE = Buffer.alloc(200 * 1024, 'x')

for (const [what, fields] of [['of known length', { 'content-length': String(LARGE.length) }], ['in chunks', {}]] as const) {
  t.test(`a 503 with 200 KB ${what} that is given up for another target does not hold the only connection`, async t => {
    let most = 0
    let open = 0
    const busy = await upstream(t, (_request, response) => {
      response.writeHead(503, fields)
      response.end(LARGE)
    })
    busy.server.on('connection', socket => {
      most = Math.max(most, ++open)
      socket.on('close', () => { open-- })
    })
    const good = await named(t, 'good')
    const { app, request } = await gateway(t, {
      name: 'pool', targets: [busy.url, good.url], policy: 'first', breaker: false, retries: { backoff: 0, budget: false }, limits: { connections: 1 }
    })
    const begun = performance.now()
    for (let i = 0; i < 50; i++) {
      const response = await request('/')
      t.equal(response.statusCode, 200)
      await response.body.dump()
    }
    t.ok(performance.now() - begun < 10_000, `${performance.now() - begun} ms`)
    t.ok(most <= 2, `${most} connections, one of which the system may have been about to close`)
    t.ok(await connections(good.server) <= 1)
    t.same(app.upstreams['pool']?.targets.map(({ inFlight }) => inFlight), [0, 0])
    await until(() => open <= 1)
    t.equal(busy.hits(), 50)
  })
}
