import t from 'tap'
import { Ejection } from '../../lib/health/ejection.js'
import { VirtualClock } from '../kit/clock.js'

t.test('each ejection in a row is twice as long as the one before, up to the longest', async t => {
  const ejection = new Ejection(new VirtualClock(), { base: 5000, max: 300_000, jitter: 0 })
  t.equal(ejection.count, 0)
  t.strictSame(Array.from({ length: 9 }, () => ejection.next()), [5000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000])
  t.equal(ejection.count, 9)
})

t.test('a row without end stays at the longest', async t => {
  const ejection = new Ejection(new VirtualClock(), { base: 1, max: 60_000, jitter: 0 })
  for (let i = 0; i < 3000; i++) ejection.next()
  t.equal(ejection.next(), 60_000)
})

t.test('ejections are spread either way, and none is longer than the longest', async t => {
  for (const [max, middle] of [[300_000, 5000], [5000, 5000 / 1.2]] as const) {
    const clock = new VirtualClock(3)
    const lengths = Array.from({ length: 2000 }, () => new Ejection(clock, { base: 5000, max, jitter: 0.2 }).next())
    t.ok(lengths.every(ms => ms >= middle * 0.8 && ms <= middle * 1.2 && ms <= max))
    t.ok(Math.min(...lengths) < middle * 0.81 && Math.max(...lengths) > middle * 1.19, 'the whole width is used')
    const mean = lengths.reduce((sum, ms) => sum + ms, 0) / lengths.length
    t.ok(Math.abs(mean / middle - 1) < 0.02, String(mean))
  }
})

t.test('a target that falls again before it has been well for as long as it was away does not start anew', async t => {
  const clock = new VirtualClock()
  const ejection = new Ejection(clock, { base: 5000, max: 300_000, jitter: 0 })
  for (const ms of [5000, 10_000, 20_000, 40_000]) {
    t.equal(ejection.next(), ms)
    await clock.advance(ms)
    ejection.recovered()
    await clock.advance(ms - 1)
  }
  t.equal(ejection.next(), 80_000)
})

t.test('a target that has been well for as long as it was away starts anew', async t => {
  const clock = new VirtualClock()
  const ejection = new Ejection(clock, { base: 5000, max: 300_000, jitter: 0 })
  ejection.next()
  t.equal(ejection.next(), 10_000)
  await clock.advance(10_000)
  ejection.recovered()
  await clock.advance(10_000)
  t.equal(ejection.count, 2, 'a row is over when the next begins')
  t.equal(ejection.next(), 5000)
  t.equal(ejection.count, 1)
})

t.test('time without a recovery does not count, however long', async t => {
  const clock = new VirtualClock()
  const ejection = new Ejection(clock, { base: 5000, max: 300_000, jitter: 0 })
  ejection.next()
  await clock.advance(3_600_000)
  t.equal(ejection.next(), 10_000)
})

t.test('a recovery counts for one row only', async t => {
  const clock = new VirtualClock()
  const ejection = new Ejection(clock, { base: 5000, max: 300_000, jitter: 0 })
  ejection.next()
  ejection.recovered()
  t.equal(ejection.next(), 10_000)
  await clock.advance(3_600_000)
  t.equal(ejection.next(), 20_000, 'the recovery was before the last ejection')
})

t.test('a target is well from its first recovery on', async t => {
  const clock = new VirtualClock()
  const ejection = new Ejection(clock, { base: 5000, max: 300_000, jitter: 0 })
  ejection.next()
  ejection.recovered()
  await clock.advance(4000)
  ejection.recovered()
  await clock.advance(1000)
  t.equal(ejection.next(), 5000)
})

t.test('ejections need no timers', async t => {
  const clock = new VirtualClock()
  const ejection = new Ejection(clock, { base: 5000, max: 300_000, jitter: 0.1 })
  ejection.next()
  ejection.recovered()
  t.equal(clock.pending, 0)
})
