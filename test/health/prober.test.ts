import fc from 'fast-check'
import t from 'tap'
import { sleep } from '../../lib/clock.js'
import { Prober, type Probe, type ProberSettings } from '../../lib/health/active.js'
import { VirtualClock } from '../kit/clock.js'
import { aTarget } from './kit.js'

interface Loop {
  readonly clock: VirtualClock
  readonly prober: Prober
  /** When each probe started, by target id. */
  readonly starts: Map<number, number[]>
  /** What was reported: time, target id, reason or undefined for up. */
  readonly verdicts: Array<[number, number, string | undefined]>
}

/** A running prober without jitter whose first target, if it has any, is watched by the caller. */
function loop (probe: Probe, settings: Partial<ProberSettings> = {}, clock = new VirtualClock()): Loop {
  const starts = new Map<number, number[]>()
  const verdicts: Loop['verdicts'] = []
  const prober = new Prober({
    clock,
    tls: {},
    port: undefined,
    interval: 100,
    jitter: 0,
    timeout: 50,
    rise: 2,
    fall: 3,
    onVerdict: (target, down) => { verdicts.push([clock.now(), target.id, down?.message]) },
    ...settings,
    probe: async (target, dispatcher, signal) => {
      starts.set(target.id, [...starts.get(target.id) ?? [], clock.now()])
      await probe(target, dispatcher, signal)
    }
  })
  prober.start()
  return { clock, prober, starts, verdicts }
}

const well: Probe = async () => {}

/** Answers after as long as `duration` says, unless it is told to give up before. */
function taking (clock: VirtualClock, duration: () => number): Probe {
  return async (_target, _dispatcher, signal) => { await sleep(clock, duration(), signal) }
}

t.test('the first probe starts at once', async t => {
  const { clock, prober, starts } = loop(well)
  prober.watch(aTarget(clock), true, true)
  t.same([...starts], [[0, [0]]])
})

t.test('each later probe starts an interval after the end of the one before', async t => {
  const clock = new VirtualClock()
  const { prober, starts } = loop(taking(clock, () => 30), {}, clock)
  prober.watch(aTarget(clock), true, true)
  await clock.advance(400)
  t.same(starts.get(0), [0, 130, 260, 390])
})

t.test('the interval varies within the jitter, over all of it and evenly around its middle', async t => {
  const { clock, prober, starts } = loop(well, { interval: 1000, jitter: 0.2 })
  prober.watch(aTarget(clock), true, true)
  await clock.advance(400_000)
  const times = starts.get(0) ?? []
  const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0))
  t.ok(gaps.length > 350)
  t.ok(Math.min(...gaps) >= 800 && Math.max(...gaps) <= 1200, 'none is outside of it')
  t.ok(Math.min(...gaps) < 820 && Math.max(...gaps) > 1180, 'both ends are reached')
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  t.ok(Math.abs(mean - 1000) < 25, `the mean is ${mean}`)
})

t.test('targets that are first probed together drift apart, and so do two gateways', async t => {
  const together = loop(well, { interval: 1000, jitter: 0.1 }, new VirtualClock(1))
  const elsewhere = loop(well, { interval: 1000, jitter: 0.1 }, new VirtualClock(2))
  for (const { clock, prober } of [together, elsewhere]) {
    for (let id = 0; id < 5; id++) prober.watch(aTarget(clock, undefined, id), true, true)
    await clock.advance(30_000)
  }
  const twentieth = [together, elsewhere].flatMap(({ starts }) => [...starts.values()].map(times => times[20] ?? 0)).sort((a, b) => a - b)
  t.equal(twentieth.length, 10)
  for (let i = 1; i < twentieth.length; i++) t.not(twentieth[i], twentieth[i - 1])
  t.ok((twentieth[9] ?? 0) - (twentieth[0] ?? 0) > 100, 'they are spread, not merely different')
})

t.test('a target never has two probes in flight, however long they take', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 800 }), { minLength: 1, maxLength: 20 }), async durations => {
    const clock = new VirtualClock()
    let running = 0
    let most = 0
    let next = 0
    const { prober, starts } = loop(async (target, dispatcher, signal) => {
      most = Math.max(most, ++running)
      await taking(clock, () => durations[next++ % durations.length] ?? 0)(target, dispatcher, signal)
      running--
    }, { timeout: 500 }, clock)
    prober.watch(aTarget(clock), true, true)
    await clock.advance(2000)
    prober.stop()
    if (most !== 1 || (starts.get(0)?.length ?? 0) < 2) throw new Error(`${most} at once`)
  }), { numRuns: 20 })
})

t.test('one slow target does not delay the probes of another', async t => {
  const clock = new VirtualClock()
  const { prober, starts } = loop(async (target, _dispatcher, signal) => {
    if (target.id === 0) await sleep(clock, 10_000, signal)
  }, { timeout: 5000 }, clock)
  prober.watch(aTarget(clock, undefined, 0), true, true)
  prober.watch(aTarget(clock, undefined, 1), true, true)
  await clock.advance(1000)
  t.same([starts.get(0)?.length, starts.get(1)?.length], [1, 11])
})

t.test('only changes are reported: down with the fall-th failure and its reason, up with the rise-th success', async t => {
  let probes = 0
  const { clock, prober, verdicts } = loop(async () => {
    const nth = probes++
    if (nth >= 2 && nth < 10) throw new Error(`failure ${nth}`)
  })
  prober.watch(aTarget(clock), true, true)
  await clock.advance(2000)
  t.same(verdicts, [[400, 0, 'failure 4'], [1100, 0, undefined]])
})

t.test('of a newcomer that fails the first failure is reported, and nothing more until its first success', async t => {
  let probes = 0
  const { clock, prober, verdicts } = loop(async () => { if (probes++ < 7) throw new Error('not yet') }, { rise: 5 })
  prober.watch(aTarget(clock), false, false)
  await clock.advance(2000)
  t.same(verdicts, [[0, 0, 'not yet'], [700, 0, undefined]])
})

t.test('a probe that takes too long has failed, and its signal tells it so', async t => {
  const clock = new VirtualClock()
  const reasons: unknown[] = []
  const { prober, verdicts, starts } = loop(async (_target, _dispatcher, signal) => {
    await sleep(clock, 10_000, signal)
    reasons.push((signal.reason as Error).message, clock.now())
  }, { fall: 1 }, clock)
  prober.watch(aTarget(clock), true, true)
  await clock.advance(140)
  t.same(reasons, ['no answer within 50 ms', 50])
  t.same(verdicts, [[50, 0, 'no answer within 50 ms']], 'even if the probe takes the signal for an answer')
  await clock.advance(10)
  t.same(starts.get(0), [0, 150])
})

t.test('a probe that fails in its own words when time is up has still failed because time was up', async t => {
  const { clock, prober, verdicts } = loop(async (_target, _dispatcher, signal) => {
    await new Promise((_resolve, reject) => { signal.addEventListener('abort', () => { reject(new Error('The operation was aborted')) }) })
  }, { fall: 1 })
  prober.watch(aTarget(clock), true, true)
  await clock.advance(60)
  t.same(verdicts, [[50, 0, 'no answer within 50 ms']])
})

t.test('a probe that ignores its signal fails at its deadline and does not hold the loop up', async t => {
  const { clock, prober, verdicts, starts } = loop(async () => { await new Promise(() => {}) })
  prober.watch(aTarget(clock), true, true)
  await clock.advance(500)
  t.same(starts.get(0), [0, 150, 300, 450])
  t.same(verdicts, [[350, 0, 'no answer within 50 ms']])
})

t.test('whatever a probe throws or rejects with is a failure with a reason', async t => {
  const nameless = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })
  const cases: Array<[unknown, string]> = [
    [new Error('over capacity'), 'over capacity'],
    [nameless, 'ECONNREFUSED'],
    [new RangeError(), 'RangeError'],
    ['a text', 'a text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [503, '503'],
    [Symbol('sick'), 'Symbol(sick)'],
    [Object.create(null), '[Object: null prototype] {}']
  ]
  const throwing = (error: unknown): Probe => () => { throw error }
  const rejecting = (error: unknown): Probe => async () => { throw error }
  for (const [error, reason] of cases) {
    for (const make of [throwing, rejecting]) {
      const { clock, prober, verdicts, starts } = loop(make(error), { fall: 1 })
      prober.watch(aTarget(clock), true, true)
      await clock.advance(250)
      t.same(verdicts, [[0, 0, reason]], `${make.name} ${reason}`)
      t.equal(starts.get(0)?.length, 3, 'and the loop goes on')
    }
  }
})

t.test('a target that is watched twice is probed once', async t => {
  const { clock, prober, starts } = loop(well)
  const target = aTarget(clock)
  prober.watch(target, true, true)
  prober.watch(target, false, false)
  await clock.advance(250)
  t.same(starts.get(0), [0, 100, 200])
})
