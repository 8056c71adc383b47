import t from 'tap'
import { poolOf, shares } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { named } from '../kit/index.js'

t.test('an operator takes a target out for a while, with or without a breaker', async t => {
  for (const breaker of [{}, false] as const) {
    const clock = new VirtualClock()
    const [a, b] = [await named(t, 'a'), await named(t, 'b')]
    const { pool, member, log } = poolOf(t, { targets: [a.url, b.url], breaker }, clock)
    pool.eject(a.url, 5000, 'looks odd')
    t.match(member(a.url), { health: 'down', reason: 'looks odd', cause: 'operator' })
    t.same(await shares(pool, 4), { b: 4 })
    t.match(log.at(-1), { level: 'warn', message: 'target is down', target: a.url, reason: 'looks odd' })
    await clock.advance(4999)
    t.equal(member(a.url).health, 'down')
    await clock.advance(1)
    t.match(member(a.url), { health: 'trial' })
    await shares(pool, 2)
    t.equal(member(a.url).health, 'up', 'it answers again')
    t.same(await shares(pool, 4), { a: 2, b: 2 })
  }
})

t.test('nobody is ejected who has no one to take over, nor for a time that is none', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { pool, member } = poolOf(t, { targets: [a.url, b.url] })
  pool.drain(b.url)
  t.throws(() => { pool.eject(a.url) }, { code: 'FST_BALANCER_BAD_OPTION', message: `url: '${a.url}' has nobody to take its place, must not be ejected while no other target is up` })
  pool.drain(b.url, false)
  for (const time of [0, -1, NaN, 2 ** 31, '5' as unknown as number]) t.throws(() => { pool.eject(a.url, time) }, /time: .*, must be milliseconds from 1 to 2147483647/)
  t.throws(() => { pool.eject('http://127.0.0.1:1') }, { code: 'FST_BALANCER_BAD_OPTION' })
  t.equal(member(a.url).health, 'up')
})

t.test('an operator changes weight, tier and zone', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { pool, member } = poolOf(t, { targets: [a.url, { url: b.url, zone: 'east' }] })
  pool.update(b.url, { weight: 3 })
  t.match(member(b.url), { weight: 3, priority: 0, zone: 'east' })
  t.same(await shares(pool, 8), { a: 2, b: 6 })
  pool.update(b.url, { priority: 1 })
  t.same(await shares(pool, 4), { a: 4 })
  t.throws(() => { pool.update(b.url, { weight: -1 }) }, /target\.weight: -1, must be >= 0/)
  t.match(member(b.url), { weight: 3, priority: 1 }, 'and nothing has changed')
})

t.test('a pool remembers its latest transitions', async t => {
  const clock = new VirtualClock()
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { pool } = poolOf(t, { targets: [a.url, b.url] }, clock)
  t.same(pool.transitions, [])
  pool.drain(a.url)
  await clock.advance(10)
  pool.drain(a.url, false)
  t.match(pool.transitions, [
    { at: clock.wall() - 10, target: a.url, was: 'up', health: 'draining', reason: 'drained' },
    { at: clock.wall(), target: a.url, was: 'draining', health: 'up', reason: 'no longer drained' }
  ])
  for (let i = 0; i < 150; i++) {
    pool.drain(a.url)
    pool.drain(a.url, false)
  }
  t.equal(pool.transitions.length, 200)
})
