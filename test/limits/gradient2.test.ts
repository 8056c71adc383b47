import t from 'tap'
import { Gradient2 } from '../../lib/limits/gradient2.js'
import { VirtualClock } from '../kit/clock.js'

const BASE = 10
const CAPACITY = 30

/** Whoever asks for `demand` at once gets the limit of it, and waits when that is more than the target can do. */
function load (limit: Gradient2, demand: number, samples: number): number[] {
  return Array.from({ length: samples }, () => {
    const inFlight = Math.min(demand, limit.limit)
    limit.sample(BASE * Math.max(1, inFlight / CAPACITY), inFlight)
    return limit.limit
  })
}

function busy (limit: Gradient2, rtt: number, samples: number): number[] {
  return Array.from({ length: samples }, () => {
    limit.sample(rtt, limit.limit)
    return limit.limit
  })
}

t.test('the limit starts where it is told to and is a whole number', async t => {
  t.equal(new Gradient2().limit, 20)
  t.equal(new Gradient2({ initial: 37.5 }).limit, 37)
  const limit = new Gradient2()
  t.ok(busy(limit, 10, 5).every(Number.isInteger))
})

t.test('without any waiting the limit grows by a share of the queue with each sample, up to the highest', async t => {
  const limit = new Gradient2({ initial: 20, max: 60 })
  t.strictSame(busy(limit, 10, 5), [20, 21, 22, 23, 24], '0.2 × 4 a sample')
  t.equal(busy(limit, 10, 100).at(-1), 60)
})

for (const ratio of [0.8, 0.9, 0.95]) {
  const expected = 4 / (1 - ratio)
  t.test(`latency that stays at 1 / ${ratio} of the average holds the limit at ${expected.toFixed(0)}`, async t => {
    const limit = new Gradient2({ min: 1 })
    const share = 2 / 601
    let long = BASE
    busy(limit, BASE, 10)
    for (let i = 0; i < 1000; i++) {
      // What makes the ratio exact once the sample itself is part of the average.
      const short = long * (1 - share) / (ratio - share)
      limit.sample(short, limit.limit)
      long = ratio * short
    }
    t.ok(Math.abs(limit.limit - expected) < 1.001, String(limit.limit))
  })
}

t.test('one sample never lowers the limit by more than half, before smoothing', async t => {
  const limit = new Gradient2({ initial: 100, queueSize: 0 })
  busy(limit, 10, 20)
  limit.sample(1e6, 100)
  t.equal(limit.limit, 90)
})

t.test('a latency below the average lets the limit grow no faster', async t => {
  const limit = new Gradient2({ initial: 100 })
  for (let i = 0; i < 20; i++) limit.sample(10, 0)
  limit.sample(1, 100)
  limit.sample(6, 100)
  t.equal(limit.limit, 101, '0.2 × 4 a sample')
})

t.test('the limit never falls below the lowest', async t => {
  const limit = new Gradient2({ initial: 100, min: 30 })
  busy(limit, 1, 20)
  let rtt = 1
  for (let i = 0; i < 500; i++) {
    rtt *= 2
    limit.sample(rtt, limit.limit)
  }
  t.equal(limit.limit, 30)
})

t.test('a limit that is not half used is left as it is', async t => {
  const limit = new Gradient2()
  for (let i = 0; i < 100; i++) limit.sample(10, 9)
  t.equal(limit.limit, 20)
  limit.sample(10, 10)
  limit.sample(10, 11)
  t.equal(limit.limit, 21, 'half is enough')
})

t.test('the long average is the mean of the first ten samples', async t => {
  const after = (rtts: readonly number[]): number => {
    const limit = new Gradient2({ initial: 100, queueSize: 0, smoothing: 1, min: 1 })
    for (const rtt of rtts) limit.sample(rtt, 0)
    limit.sample(20, 100)
    return limit.limit
  }
  t.equal(after([10, 10, 10, 10, 10, 20, 20, 20, 20, 20]), 75, '(15 × 599 / 601 + 20 × 2 / 601) / 20, of 100')
  t.equal(after([20, 20, 20, 20, 20, 10, 10, 10, 10, 10]), 75, 'whatever their order')
  t.equal(after([15, 15]), 83, '(15 + 15 + 20) / 3 / 20')
})

t.test('after a bad time is over it is forgotten within a few samples', async t => {
  const limit = new Gradient2({ initial: 50 })
  for (let i = 0; i < 5000; i++) limit.sample(10_000, 1)
  for (let i = 0; i < 60; i++) limit.sample(100, 1)
  busy(limit, 400, 10)
  t.ok(limit.limit < 50, 'four times as slow as the good time, though not as slow as the bad one')
})

t.test('a latency of nothing is no trouble', async t => {
  const limit = new Gradient2()
  busy(limit, 0, 100)
  t.equal(limit.limit, 100)
  busy(limit, 10, 10)
  t.ok(limit.limit < 100)
})

t.test('a target that answers 30 at once without delay is given about as many', async t => {
  const limit = new Gradient2()
  load(limit, 5, 50)
  load(limit, 1000, 200)
  const limits = load(limit, 1000, 1000)
  t.ok(Math.min(...limits) >= CAPACITY, String(Math.min(...limits)))
  t.ok(Math.max(...limits) <= 1.8 * CAPACITY, String(Math.max(...limits)))
})

t.test('with lulls between the rushes the limit stays there', async t => {
  const limit = new Gradient2()
  const limits: number[] = []
  for (let i = 0; i < 100; i++) {
    load(limit, 5, 200)
    limits.push(...load(limit, 1000, 200))
  }
  const later = limits.slice(400)
  t.ok(Math.min(...later) >= CAPACITY, String(Math.min(...later)))
  t.ok(Math.max(...later) <= 1.8 * CAPACITY, String(Math.max(...later)))
})

t.test('under a rush that never lets up the limit creeps up, and comes down after a lull', async t => {
  const limit = new Gradient2()
  load(limit, 5, 50)
  load(limit, 1000, 1000)
  const before = limit.limit
  load(limit, 1000, 3000)
  const crept = limit.limit - before
  t.ok(Math.abs(crept / (3000 * 4 * 2 / 601) - 1) < 0.15, `${crept} in 3,000 samples`)
  load(limit, 5, 2000)
  load(limit, 1000, 200)
  t.ok(limit.limit <= 1.3 * CAPACITY, String(limit.limit))
})

t.test('noise does not carry the limit away', async t => {
  const clock = new VirtualClock(5)
  const limit = new Gradient2({ min: 5 })
  for (let i = 0; i < 5000; i++) {
    const demand = i % 400 < 200 ? 5 : 1000
    const inFlight = Math.min(demand, limit.limit)
    limit.sample(BASE * Math.max(1, inFlight / CAPACITY) * (0.8 + 0.4 * clock.random()), inFlight)
    if (i > 1000 && (limit.limit < 0.5 * CAPACITY || limit.limit > 2 * CAPACITY)) t.fail(String(limit.limit))
  }
})
