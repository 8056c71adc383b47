import t, { type Test } from 'tap'
import { Percentiles } from '../lib/percentile.js'
import { VirtualClock } from './kit/clock.js'

function close (t: Test, actual: number | undefined, expected: number, share = 0.05): void {
  t.ok(actual !== undefined && Math.abs(actual / expected - 1) <= share, `${actual} for ${expected}`)
}

function add (percentiles: Percentiles, ms: number, times: number): void {
  for (let i = 0; i < times; i++) percentiles.add(ms)
}

t.test('fewer than a hundred samples tell nothing', async t => {
  const percentiles = new Percentiles(new VirtualClock())
  t.equal(percentiles.count, 0)
  t.equal(percentiles.at(0.5), undefined)
  add(percentiles, 10, 99)
  t.equal(percentiles.count, 99)
  t.equal(percentiles.at(0.5), undefined)
  percentiles.add(10)
  close(t, percentiles.at(0.5), 10)
})

t.test('every latency from ten microseconds to two minutes is told to five per cent', async t => {
  for (let ms = 0.01; ms <= 120_000; ms *= 1.0123) {
    const percentiles = new Percentiles(new VirtualClock())
    add(percentiles, ms, 100)
    close(t, percentiles.at(0.5), ms)
  }
  const percentiles = new Percentiles(new VirtualClock())
  add(percentiles, 120_000, 100)
  close(t, percentiles.at(0.5), 120_000)
})

t.test('what lies outside counts as the nearest', async t => {
  for (const [ms, nearest] of [[0, 0.01], [-1, 0.01], [NaN, 0.01], [1e-9, 0.01], [1e9, 120_000], [Infinity, 120_000]] as const) {
    const percentiles = new Percentiles(new VirtualClock())
    add(percentiles, ms, 100)
    t.equal(percentiles.count, 100)
    close(t, percentiles.at(0.5), nearest, 0.1)
  }
})

t.test('percentiles of known distributions', async t => {
  const clock = new VirtualClock(11)
  const distributions: Record<string, () => number> = {
    even: () => 1 + 999 * clock.random(),
    exponential: () => -10 * Math.log(1 - clock.random()),
    'with a slow hundredth': () => clock.random() < 0.01 ? 1000 : -10 * Math.log(1 - clock.random())
  }
  for (const [name, draw] of Object.entries(distributions)) {
    const percentiles = new Percentiles(clock)
    const samples = Array.from({ length: 20_000 }, draw)
    for (const ms of samples) percentiles.add(ms)
    samples.sort((a, b) => a - b)
    for (const q of [0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1]) {
      const exact = samples[Math.max(0, Math.ceil(q * samples.length) - 1)] ?? NaN
      // Shorter than the shortest bucket there is no precision to have.
      if (exact >= 0.01) close(t, percentiles.at(q), exact)
    }
    t.pass(name)
  }
})

t.test('the 95th of 100 is the 95th', async t => {
  const percentiles = new Percentiles(new VirtualClock())
  add(percentiles, 10, 95)
  add(percentiles, 1000, 5)
  close(t, percentiles.at(0.95), 10)
  close(t, percentiles.at(0.951), 1000)
  close(t, percentiles.at(2), 1000)
  close(t, percentiles.at(-1), 10)
})

t.test('samples count for half of the window to all of it', async t => {
  const clock = new VirtualClock()
  const percentiles = new Percentiles(clock, 30_000)
  await clock.advance(7000)
  add(percentiles, 10, 100)
  await clock.advance(8000)
  add(percentiles, 1000, 150)
  t.equal(percentiles.count, 250)
  close(t, percentiles.at(0.4), 10)
  await clock.advance(14_999)
  t.equal(percentiles.count, 250)
  await clock.advance(1)
  t.equal(percentiles.count, 150)
  close(t, percentiles.at(0), 1000)
  await clock.advance(15_000)
  t.equal(percentiles.count, 0)
  t.equal(percentiles.at(0.5), undefined)
})

t.test('nothing is left after a silence of any length', async t => {
  for (const silence of [30_000, 44_999, 45_000, 1e6, 1e12]) {
    const clock = new VirtualClock()
    const percentiles = new Percentiles(clock, 30_000)
    add(percentiles, 10, 100)
    await clock.advance(15_000)
    add(percentiles, 20, 100)
    await clock.advance(silence)
    t.equal(percentiles.count, 0, String(silence))
    add(percentiles, 50, 100)
    t.equal(percentiles.count, 100)
    close(t, percentiles.at(0), 50)
    close(t, percentiles.at(1), 50)
  }
})

t.test('percentiles need no timers', async t => {
  const clock = new VirtualClock()
  add(new Percentiles(clock), 10, 1000)
  t.equal(clock.pending, 0)
})
