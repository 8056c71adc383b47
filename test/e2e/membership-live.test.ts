import t from 'tap'
import { deserted } from '../health/kit.js'
import { gateway, named, until } from '../kit/index.js'

t.test('members change under requests without one of them failing, and all of those there are get their share', async t => {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const { app, request } = await gateway(t, { name: 'users', targets: [a.url], health: { path: '/healthz', interval: 20 } }, { logger: false })
  const pool = app.upstreams['users']
  if (pool === undefined) throw new Error('no pool')
  const load = { running: true }
  const counts: Record<string, number> = {}
  const failures: number[] = []
  const clients = Array.from({ length: 10 }, async () => {
    while (load.running) {
      const { statusCode, headers, body } = await request('/')
      await body.dump()
      if (statusCode !== 200) failures.push(statusCode)
      const name = String(headers['x-name'])
      counts[name] = (counts[name] ?? 0) + 1
    }
  })
  const reach = async (name: string, more: number): Promise<void> => {
    const before = counts[name] ?? 0
    await until(() => (counts[name] ?? 0) >= before + more, 30_000)
  }

  await reach('a', 20)
  pool.add(b.url)
  await reach('b', 20)
  await pool.set([{ url: b.url, weight: 2 }, c.url])
  await deserted(a.server)
  await reach('c', 20)
  pool.drain(b.url)
  const drained = pool.targets[0]?.counters.attempts
  await until(() => pool.targets[0]?.inFlight === 0)
  await reach('c', 50)
  t.equal(pool.targets[0]?.counters.attempts, drained)
  pool.drain(b.url, false)
  await reach('b', 20)
  await pool.remove(c.url)
  await deserted(c.server)
  await reach('b', 20)

  load.running = false
  await Promise.all(clients)
  t.same(failures, [])
  t.same(pool.targets.map(({ url, weight, inFlight }) => [url, weight, inFlight]), [[b.url, 2, 0]])
})

t.test('a pool is reached and changed by its name from any handler of the app', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { request } = await gateway(t, { prefix: '/users', targets: [a.url] }, {
    before: app => {
      app.put('/members', async () => {
        await app.upstreams['users']?.set([b.url])
        return app.upstreams['users']?.targets.map(({ url }) => url)
      })
    }
  })
  const first = await request('/users')
  t.equal(first.headers['x-name'], 'a')
  await first.body.dump()
  const changed = await request('/members', { method: 'PUT' })
  t.same(await changed.body.json(), [b.url])
  const second = await request('/users')
  t.equal(second.headers['x-name'], 'b')
  await second.body.dump()
})

t.test('a mistake in a change is an error with a code that the handler can pass on', async t => {
  const a = await named(t, 'a')
  const { app, request } = await gateway(t, { prefix: '/users', targets: [a.url] }, {
    before: app => { app.put('/members', async () => { await app.upstreams['users']?.set([a.url, 'b.internal']) }) }
  })
  const { statusCode, body } = await request('/members', { method: 'PUT' })
  t.equal(statusCode, 500)
  t.match(await body.json(), { code: 'FST_BALANCER_BAD_OPTION', message: /^targets\[1\]/ })
  t.same(app.upstreams['users']?.targets.map(({ url }) => url), [a.url])
})
