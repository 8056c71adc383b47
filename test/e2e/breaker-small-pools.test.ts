import t from 'tap'
import { ALSO_REFUSING, gateway, named, REFUSING, until } from '../kit/index.js'
import { health, members, moody, status, statuses } from './breaker-kit.js'

t.test('a pool of one is never emptied', async t => {
  const only = await moody(t, status(500))
  const gate = await gateway(t, { name: 'pool', targets: [only.url] })
  t.same([...new Set(await statuses(gate, 40))], [500])
  t.equal(only.hits(), 40)
  t.same(health(gate), ['up'])
  only.mood = status(200)
  t.same(await statuses(gate, 1), [200])
})

for (const count of [2, 3]) {
  t.test(`of ${count} targets that all fail one is ejected`, async t => {
    const all = await Promise.all(Array.from({ length: count }, async () => await moody(t, status(500))))
    const gate = await gateway(t, { name: 'pool', targets: all.map(({ url }) => url), retries: 0 })
    await statuses(gate, 40)
    t.equal(health(gate).filter(one => one === 'down').length, 1)
    t.equal(health(gate).filter(one => one === 'up').length, count - 1)
  })
}

t.test('with two of three dead no request fails, and there is no panic', async t => {
  const good = await named(t, 'good')
  const gate = await gateway(t, { name: 'pool', targets: [REFUSING, good.url, ALSO_REFUSING] })
  t.same([...new Set(await statuses(gate, 60))], [200])
  t.same(health(gate), ['down', 'up', 'down'])
  t.equal(gate.app.upstreams['pool']?.panicking, false)
  t.equal(members(gate)[0]?.counters.attempts, 5, 'they are not even asked')
  t.equal(members(gate)[2]?.counters.attempts, 5)
  t.equal(gate.log.filter(({ msg }) => msg === 'too few targets are up: all are used').length, 0)
})

t.test('when all are gone and one returns the next request succeeds', async t => {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const gate = await gateway(t, { name: 'pool', targets: [a.url, b.url, c.url], breaker: { reconnect: 60_000, ejection: 60_000 } })
  await statuses(gate, 3)
  for (const one of [a, b, c]) await one.kill()
  t.same([...new Set(await statuses(gate, 30))], [502])
  t.equal(health(gate).filter(one => one === 'up').length, 1, 'the last one stays')
  for (const one of [a, b, c]) {
    if (health(gate)[[a, b, c].indexOf(one)] === 'up') continue
    const back = await named(t, 'back', one.port)
    t.same(await statuses(gate, 1), [200])
    t.same([...new Set(await statuses(gate, 9))], [200])
    await until(() => health(gate)[[a, b, c].indexOf(one)] === 'up')
    t.ok(back.hits() > 0)
    break
  }
})
