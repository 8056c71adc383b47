import t from 'tap'
import { oracle, poolOf, shares } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { named, REFUSING, upstream } from '../kit/index.js'

const HEALTH = { interval: 100, jitter: 0, timeout: 50, rise: 2, fall: 3 } as const

t.test('without health checks a target that is added gets traffic at once, in its turn', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { pool, log } = poolOf(t, { targets: [a.url] })
  pool.start()
  pool.add({ url: b.url, weight: 1 })
  t.same(await shares(pool, 10), { a: 5, b: 5 })
  t.match(log, [{ level: 'info', message: 'target joined', pool: 'test', target: b.url }])
  t.equal(log.length, 1)
})

t.test('a target that is added gets traffic from its first good probe on, and not before', async t => {
  const clock = new VirtualClock()
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const sick = new Set([b.url])
  const { pool, member, log } = poolOf(t, { targets: [a.url], health: { ...HEALTH, probe: oracle(sick) } }, clock)
  pool.start()
  await clock.advance(0)
  pool.add(b.url)
  t.match(member(b.url), { health: 'down', reason: 'not probed yet' })
  t.same(await shares(pool, 4), { a: 4 })
  await clock.advance(10_000)
  t.match(member(b.url), { health: 'down', reason: 'sick' }, 'failures do not promote it')
  t.same(await shares(pool, 4), { a: 4 })
  sick.clear()
  await clock.advance(100)
  t.match(member(b.url), { health: 'up', reason: undefined }, 'although rise is 2')
  t.same(await shares(pool, 4), { a: 2, b: 2 })
  t.match(log.map(({ level, message }) => [level, message]), [
    ['info', 'target joined'], ['warn', 'target failed its first probe'], ['info', 'target is up']
  ])
  t.equal(log.length, 3, 'and no line for each of a hundred failures')
})

t.test('from then on it falls and rises like the others', async t => {
  const clock = new VirtualClock()
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const sick = new Set<string>()
  const { pool, member } = poolOf(t, { targets: [a.url], health: { ...HEALTH, probe: oracle(sick) } }, clock)
  pool.start()
  pool.add(b.url)
  await clock.advance(0)
  t.equal(member(b.url).health, 'up')
  sick.add(b.url)
  await clock.advance(200)
  t.equal(member(b.url).health, 'up', 'after two failures')
  await clock.advance(100)
  t.equal(member(b.url).health, 'down', 'after three')
  sick.clear()
  await clock.advance(100)
  t.equal(member(b.url).health, 'down', 'after one success')
  await clock.advance(100)
  t.equal(member(b.url).health, 'up', 'after two')
})

t.test('newcomers that fail are not used while others are up, even when they outnumber them', async t => {
  const clock = new VirtualClock()
  const a = await named(t, 'a')
  const others = [await named(t, 'b'), await named(t, 'c'), await named(t, 'd')].map(({ url }) => url)
  const { pool } = poolOf(t, { targets: [a.url], health: { ...HEALTH, probe: oracle(new Set(others)) } }, clock)
  pool.start()
  await clock.advance(0)
  for (const url of others) pool.add(url)
  t.equal(pool.panicking, false, 'before their first probe')
  t.same(await shares(pool, 8), { a: 8 })
  await clock.advance(1000)
  t.equal(pool.panicking, false, 'after it')
  t.same(await shares(pool, 8), { a: 8 })
})

t.test('a newcomer does not hide that too few of the others are up, and gets no traffic from it', async t => {
  const clock = new VirtualClock()
  const [a, b, c, d] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c'), await named(t, 'd')]
  const sick = new Set([b.url, c.url, d.url])
  const { pool } = poolOf(t, { targets: [a.url, b.url, c.url], health: { ...HEALTH, probe: oracle(sick) } }, clock)
  pool.start()
  await clock.advance(1000)
  t.equal(pool.panicking, true)
  pool.add(d.url)
  await clock.advance(1000)
  t.same(await shares(pool, 9), { a: 3, b: 3, c: 3 })
})

t.test('with nobody else a newcomer is used before its first probe', async t => {
  const clock = new VirtualClock()
  const a = await named(t, 'a')
  const { pool } = poolOf(t, { targets: [REFUSING], health: { ...HEALTH, probe: oracle(new Set([REFUSING, a.url])) } }, clock)
  pool.start()
  await pool.remove(REFUSING)
  pool.add(a.url)
  t.same(await shares(pool, 2), { a: 2 })
})

t.test('with initial down no target gets traffic before its first success, once another is up', async t => {
  const clock = new VirtualClock()
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const sick = new Set([b.url, c.url])
  const { pool, member } = poolOf(t, {
    targets: [a.url, b.url, c.url], health: { ...HEALTH, initial: 'down', probe: oracle(sick) }
  }, clock)
  t.same(pool.targets.map(({ health, reason }) => [health, reason]), new Array(3).fill(['down', 'not probed yet']))
  pool.start()
  await clock.advance(0)
  t.equal(member(a.url).health, 'up', 'with its first success')
  t.same(await shares(pool, 6), { a: 6 })
  sick.delete(b.url)
  await clock.advance(100)
  t.same(await shares(pool, 6), { a: 3, b: 3 })
})

t.test('with initial up, the default, targets get traffic until their probes have failed often enough', async t => {
  const clock = new VirtualClock()
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const { pool } = poolOf(t, { targets: [a.url, b.url, c.url], health: { ...HEALTH, probe: oracle(new Set([c.url])) } }, clock)
  pool.start()
  await clock.advance(100)
  t.same(await shares(pool, 6), { a: 2, b: 2, c: 2 })
  await clock.advance(100)
  t.same(await shares(pool, 6), { a: 3, b: 3 })
})

t.test('a target that is added before the start counts as configured, and is probed from the start on, once', async t => {
  const clock = new VirtualClock()
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const probed: string[] = []
  const { pool } = poolOf(t, { targets: [a.url], health: { ...HEALTH, probe: async ({ url }) => { probed.push(url) } } }, clock)
  pool.add(b.url)
  t.same(await shares(pool, 2), { a: 1, b: 1 })
  await clock.advance(1000)
  t.same(probed, [])
  pool.start()
  await clock.advance(250)
  t.same(probed, [a.url, b.url, a.url, b.url, a.url, b.url])
  pool.stop()
  t.equal(clock.pending, 0)
})

t.test('a base path and a weight of its own are those of the target that is added', async t => {
  const seen: string[] = []
  const target = await upstream(t, (request, response) => {
    seen.push(request.url ?? '')
    response.end()
  })
  const { pool, member } = poolOf(t, { targets: [REFUSING] })
  pool.start()
  await pool.remove(REFUSING)
  pool.add({ url: `${target.url}/v2/`, weight: 7 })
  await (await pool.request({ method: 'GET', path: '/x' })).body.dump()
  t.same(seen, ['/v2/x'])
  t.equal(member(`${target.url}/v2`).weight, 7)
})
