import t from 'tap'
import { oracle, poolOf, shares } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { named, until, upstream } from '../kit/index.js'

t.test('a drained target gets no new requests, finishes those in flight, and gets its share again afterwards', async t => {
  const pending: Array<() => void> = []
  const slow = await upstream(t, (request, response) => {
    response.setHeader('x-name', 'slow')
    if (request.url === '/wait') pending.push(() => { response.end('late') })
    else response.end()
  })
  const a = await named(t, 'a')
  const { pool, member } = poolOf(t, { targets: [slow.url] })
  pool.start()
  const request = pool.request({ method: 'GET', path: '/wait' })
  await until(() => pending.length === 1)
  pool.add(a.url)
  pool.drain(slow.url)
  t.match(member(slow.url), { health: 'draining', reason: 'drained', inFlight: 1 })
  t.same(await shares(pool, 10), { a: 10 })
  pending.forEach(answer => { answer() })
  t.equal(await (await request).body.text(), 'late')
  t.equal(member(slow.url).inFlight, 0)
  pool.drain(slow.url, false)
  t.match(member(slow.url), { health: 'up', reason: undefined })
  t.same(await shares(pool, 10), { a: 5, slow: 5 })
})

t.test('weight 0 drains, and a weight brings the traffic back', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { pool, member } = poolOf(t, { targets: [a.url, { url: b.url, weight: 0 }] })
  pool.start()
  t.match(member(b.url), { health: 'draining', reason: 'weight 0' })
  t.same(await shares(pool, 6), { a: 6 })
  await pool.set([{ url: a.url, weight: 0 }, { url: b.url, weight: 3 }])
  t.same(await shares(pool, 6), { b: 6 })
  await pool.set([a.url, { url: b.url, weight: 3 }])
  t.same(await shares(pool, 8), { a: 2, b: 6 })
})

t.test('drained and of weight 0, a target takes both to be undone', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { pool, member } = poolOf(t, { targets: [a.url, b.url] })
  pool.start()
  pool.drain(b.url)
  await pool.set([a.url, { url: b.url, weight: 0 }])
  t.equal(member(b.url).reason, 'drained')
  pool.drain(b.url, false)
  t.match(member(b.url), { health: 'draining', reason: 'weight 0' })
  await pool.set([a.url, b.url])
  t.equal(member(b.url).health, 'up')
})

t.test('a set does not undo a drain', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { pool } = poolOf(t, { targets: [a.url, b.url] })
  pool.start()
  pool.drain(b.url)
  await pool.set([a.url, { url: b.url, weight: 9 }])
  t.same(await shares(pool, 6), { a: 6 })
})

t.test('each change is logged and observed once, with its reason; saying it twice changes nothing', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const observed: unknown[] = []
  const { pool, log } = poolOf(t, {
    targets: [a.url, b.url],
    observers: [{ healthChanged: ({ url, health }, was, reason) => { observed.push([url, was, health, reason]) } }]
  })
  pool.start()
  pool.drain(b.url)
  pool.drain(b.url)
  pool.drain(b.url, false)
  pool.drain(b.url, false)
  await pool.set([a.url, { url: b.url, weight: 0 }])
  await pool.set([a.url, { url: b.url, weight: 2 }])
  const expected = [
    ['up', 'draining', 'drained'], ['draining', 'up', 'no longer drained'], ['up', 'draining', 'weight 0'], ['draining', 'up', 'weight 2']
  ]
  t.same(observed, expected.map(change => [b.url, ...change]))
  t.same(log.map(({ was, health, reason }) => [was, health, reason]), expected)
  t.same(log.map(({ message }) => message), ['target is draining', 'target is up', 'target is draining', 'target is up'])
})

t.test('a drained target is still probed, and what came of it shows when the drain ends', async t => {
  const clock = new VirtualClock()
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const sick = new Set<string>()
  const { pool, member, log } = poolOf(t, { targets: [a.url, b.url], health: { interval: 100, jitter: 0, probe: oracle(sick) } }, clock)
  pool.start()
  pool.drain(b.url)
  sick.add(b.url)
  await clock.advance(1000)
  t.match(member(b.url), { health: 'draining', reason: 'drained' })
  pool.drain(b.url, false)
  t.match(member(b.url), { health: 'down', reason: 'sick' })
  t.same(await shares(pool, 4), { a: 4 })
  t.match(log.at(-1), { level: 'warn', message: 'target is down', was: 'draining', reason: 'sick' })
})
