import fc from 'fast-check'
import t from 'tap'
import { SlidingWindow } from '../lib/window.js'
import { VirtualClock } from './kit/clock.js'

t.test('what is added counts until the window has passed, and no longer', async t => {
  const clock = new VirtualClock()
  const window = new SlidingWindow(clock, 1000)
  t.equal(window.sum, 0)
  window.add()
  window.add(2)
  await clock.advance(999)
  t.equal(window.sum, 3)
  await clock.advance(1)
  t.equal(window.sum, 0)
})

t.test('a bucket goes at a time', async t => {
  const clock = new VirtualClock()
  const window = new SlidingWindow(clock, 1000, 4)
  for (let i = 0; i < 4; i++) {
    window.add(10 ** i)
    await clock.advance(250)
  }
  t.equal(window.sum, 1110)
  await clock.advance(249)
  t.equal(window.sum, 1110)
  await clock.advance(1)
  t.equal(window.sum, 1100)
  window.add(5)
  t.equal(window.sum, 1105)
})

t.test('nothing is left after a silence of any length', async t => {
  for (const silence of [1000, 1001, 1999, 2000, 10_000, 86_400_000, 1e12]) {
    const clock = new VirtualClock()
    const window = new SlidingWindow(clock, 1000)
    for (let i = 0; i < 10; i++) {
      window.add()
      await clock.advance(99)
    }
    await clock.advance(silence)
    t.equal(window.sum, 0, String(silence))
    window.add()
    t.equal(window.sum, 1)
  }
})

t.test('a window that was made late counts from when it was made', async t => {
  const clock = new VirtualClock()
  await clock.advance(123_456.7)
  const window = new SlidingWindow(clock, 1000)
  window.add()
  await clock.advance(950)
  t.equal(window.sum, 1)
  await clock.advance(51)
  t.equal(window.sum, 0)
})

t.test('what is cleared is gone, and counting goes on', async t => {
  const clock = new VirtualClock()
  const window = new SlidingWindow(clock, 1000)
  window.add(3)
  await clock.advance(500)
  window.add(4)
  window.clear()
  t.equal(window.sum, 0)
  window.add()
  await clock.advance(999)
  t.equal(window.sum, 1)
  await clock.advance(1)
  t.equal(window.sum, 0)
})

t.test('a window needs no timers', async t => {
  const clock = new VirtualClock()
  const window = new SlidingWindow(clock, 1000)
  window.add()
  t.equal(window.sum, 1)
  t.equal(clock.pending, 0)
})

t.test('the sum is of at most the window and of at least all but one bucket of it', async t => {
  const events = fc.array(fc.record({ wait: fc.nat(400), n: fc.integer({ min: 1, max: 5 }) }), { maxLength: 40 })
  await t.resolves(fc.assert(fc.asyncProperty(events, fc.integer({ min: 1, max: 12 }), async (events, buckets) => {
    const clock = new VirtualClock()
    const window = new SlidingWindow(clock, 1000, buckets)
    const past: Array<{ at: number, n: number }> = []
    for (const { wait, n } of events) {
      await clock.advance(wait)
      const within = (ms: number): number => past.filter(({ at }) => clock.now() - at < ms).reduce((sum, { n }) => sum + n, 0)
      const { sum } = window
      if (sum > within(1000) || sum < within(1000 - 1000 / buckets)) throw new Error(`${sum} at ${clock.now()}`)
      window.add(n)
      past.push({ at: clock.now(), n })
    }
  }), { numRuns: 50, seed: 1 }))
})
