import t, { type Test } from 'tap'
import { oracle, poolOf, shares, type TestPool } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { gateway, named, until, type Upstream } from '../kit/index.js'

interface Scene extends TestPool {
  readonly upstreams: Upstream[]
  /** Lets the probes find these targets sick and all others well. */
  readonly sicken: (...indexes: number[]) => Promise<void>
}

/** A started pool of `count` upstreams named 0, 1, 2, … whose health is what the test says. */
async function scene (t: Test, count: number, options: { panic?: number } = {}): Promise<Scene> {
  const clock = new VirtualClock()
  const sick = new Set<string>()
  const upstreams = await Promise.all(Array.from({ length: count }, async (_, i) => await named(t, `${i}`)))
  const made = poolOf(t, {
    ...options,
    targets: upstreams.map(({ url }) => url),
    health: { interval: 100, jitter: 0, rise: 1, fall: 1, probe: oracle(sick) }
  }, clock)
  made.pool.start()
  await clock.advance(0)
  const sicken = async (...indexes: number[]): Promise<void> => {
    sick.clear()
    upstreams.forEach(({ url }, i) => { if (indexes.includes(i)) sick.add(url) })
    await clock.advance(100)
  }
  return { ...made, upstreams, sicken }
}

/** How many of the next requests each target answers, in order; sent round robin, so what is used gets an even share. */
async function used ({ pool, upstreams }: Scene): Promise<number[]> {
  const counts = await shares(pool, 12)
  return upstreams.map((_, i) => counts[i] ?? 0)
}

t.test('with all of them down all are used', async t => {
  const it = await scene(t, 3)
  await it.sicken(0, 1, 2)
  t.equal(it.pool.panicking, true)
  t.same(await used(it), [4, 4, 4], 'they may be well again, and the next probe is some time away')
})

t.test('a target that recovers serves the next request, even though it is down by its probes', async t => {
  const clock = new VirtualClock()
  const a = await named(t, 'a')
  const { pool, member } = poolOf(t, {
    targets: [a.url, 'http://127.0.0.1:1'], health: { interval: 60_000, fall: 1, probe: async () => { throw new Error('sick') } }
  }, clock)
  pool.start()
  await clock.advance(0)
  await a.kill()
  await t.rejects(pool.request({ method: 'GET', path: '/' }), { code: 'FST_BALANCER_UNREACHABLE' })
  await named(t, 'a', a.port)
  t.same(await shares(pool, 6), { a: 6 }, 'the one that still refuses is passed over')
  t.equal(member(a.url).health, 'down')
})

t.test('a pool of one is never emptied', async t => {
  const it = await scene(t, 1)
  await it.sicken(0)
  t.equal(it.pool.targets[0]?.health, 'down')
  t.same(await used(it), [12])
})

t.test('below the threshold all are used, at the threshold only those that are up', async t => {
  const it = await scene(t, 4)
  const table: Array<[number[], number[]]> = [
    [[3], [4, 4, 4, 0]],
    [[2, 3], [6, 6, 0, 0]],
    [[1, 2, 3], [3, 3, 3, 3]],
    [[0, 1, 2, 3], [3, 3, 3, 3]],
    [[0, 1], [0, 0, 6, 6]],
    [[], [3, 3, 3, 3]]
  ]
  for (const [down, expected] of table) {
    await it.sicken(...down)
    t.same(await used(it), expected, `${down.length} of 4 are down`)
  }
})

t.test('with panic 0 all are used only when none is up', async t => {
  const it = await scene(t, 4, { panic: 0 })
  await it.sicken(1, 2, 3)
  t.equal(it.pool.panicking, false)
  t.same(await used(it), [12, 0, 0, 0])
  await it.sicken(0, 1, 2, 3)
  t.same(await used(it), [3, 3, 3, 3])
})

t.test('with panic 1 all are used as soon as one is down', async t => {
  const it = await scene(t, 3, { panic: 1 })
  t.equal(it.pool.panicking, false)
  await it.sicken(2)
  t.same(await used(it), [4, 4, 4])
})

t.test('pools of two and three keep to the threshold too', async t => {
  const two = await scene(t, 2)
  await two.sicken(1)
  t.same(await used(two), [12, 0], 'one of two is half')
  const three = await scene(t, 3)
  await three.sicken(1, 2)
  t.same(await used(three), [4, 4, 4], 'one of three is less')
})

t.test('a draining target is not used even in panic, and does not count for it', async t => {
  const it = await scene(t, 4)
  it.pool.drain(it.upstreams[3]?.url ?? '')
  await it.sicken(0, 1, 2)
  t.same(await used(it), [4, 4, 4, 0], 'although it is the only one that is well')
  await it.sicken(1, 2)
  t.same(await used(it), [4, 4, 4, 0], 'one of three')
  it.pool.drain(it.upstreams[2]?.url ?? '')
  t.same(await used(it), [12, 0, 0, 0], 'one of two')
})

t.test('while everything is draining requests are refused with 503 and a code, and served again afterwards', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { app, request } = await gateway(t, { name: 'users', targets: [a.url, b.url] })
  const pool = app.upstreams['users']
  pool?.drain(a.url)
  await pool?.set([a.url, { url: b.url, weight: 0 }])
  const refused = await request('/')
  t.equal(refused.statusCode, 503)
  const text = await refused.body.text()
  t.match(JSON.parse(text), { statusCode: 503, code: 'FST_BALANCER_NO_TARGET' })
  t.notMatch(text, '127.0.0.1')
  t.equal(a.hits() + b.hits(), 0)
  pool?.drain(a.url, false)
  const served = await request('/')
  t.equal(served.statusCode, 200)
  await served.body.dump()
})

t.test('panic and its end are one log line each, with how many are up', async t => {
  const it = await scene(t, 3)
  const lines = (): unknown[] => it.log.filter(({ of }) => of !== undefined).map(({ level, message, pool, up, of }) => [level, message, pool, up, of])
  await it.sicken(2)
  t.same(lines(), [])
  await it.sicken(1, 2)
  await it.sicken(0, 1, 2)
  t.same(lines(), [['warn', 'too few targets are up: all are used', 'test', 1, 3]])
  await it.sicken(0)
  t.same(lines().slice(1), [['info', 'enough targets are up again', 'test', 2, 3]])
  await it.sicken()
  t.equal(lines().length, 2)
})

t.test('in panic an attempt that fails moves on to the other targets as it does otherwise', async t => {
  const it = await scene(t, 3)
  await it.sicken(0, 1, 2)
  await it.upstreams[0]?.kill()
  await it.upstreams[1]?.kill()
  t.same(await used(it), [0, 0, 12])
  await until(() => it.pool.targets.every(({ inFlight }) => inFlight === 0))
})
