import t from 'tap'
import { readinessHandler } from '../../lib/readiness.js'
import { gateway, named, until } from '../kit/index.js'

t.test('a gateway is as ready as its targets', async t => {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const { app, request } = await gateway(t, {
    pools: { users: { targets: [a.url, b.url, c.url], health: { path: '/', interval: 10, rise: 1, fall: 1 } } },
    routes: [{ prefix: '/users', pool: 'users' }]
  }, {
    before: app => {
      for (const require of ['any', 'quorum', 'all'] as const) app.get(`/${require}`, readinessHandler({ require }))
      app.get('/share', readinessHandler({ require: 0.5, pools: ['users'] }))
    }
  })
  /** Paths that answer 200, with what they all say of the pool. */
  const asked = async (): Promise<{ ready: string[], up: number, of: number }> => {
    const ready: string[] = []
    let said: { up: number, of: number } | undefined
    for (const path of ['/any', '/quorum', '/all', '/share']) {
      const { statusCode, headers, body } = await request(path)
      const text = await body.text()
      const answer = JSON.parse(text) as { ready: boolean, pools: { users: { up: number, of: number } } }
      t.equal(statusCode, answer.ready ? 200 : 503, path)
      t.equal(headers['cache-control'], 'no-store')
      t.notMatch(text, '127.0.0.1', 'nobody learns where the targets are')
      if (answer.ready) ready.push(path)
      const { up, of } = answer.pools.users
      said ??= { up, of }
      t.same({ up, of }, said)
    }
    return { ready, up: said?.up ?? NaN, of: said?.of ?? NaN }
  }
  const down = async (url: string): Promise<void> => {
    await until(() => app.upstreams['users']?.targets.some(target => target.url === url && target.health === 'down') === true)
  }

  t.same(await asked(), { ready: ['/any', '/quorum', '/all', '/share'], up: 3, of: 3 })

  await a.kill()
  await down(a.url)
  t.same(await asked(), { ready: ['/any', '/quorum', '/share'], up: 2, of: 3 })

  app.upstreams['users']?.drain(a.url)
  t.same(await asked(), { ready: ['/any', '/quorum', '/all', '/share'], up: 2, of: 2 }, 'a draining target does not count')

  await b.kill()
  await down(b.url)
  t.same(await asked(), { ready: ['/any', '/share'], up: 1, of: 2 })

  await c.kill()
  await down(c.url)
  t.same(await asked(), { ready: [], up: 0, of: 2 })

  await named(t, 'c', c.port)
  await until(() => app.upstreams['users']?.targets.some(({ health }) => health === 'up') === true)
  t.same(await asked(), { ready: ['/any', '/share'], up: 1, of: 2 }, 'it is back')
})
