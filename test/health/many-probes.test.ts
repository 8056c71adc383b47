import t from 'tap'
import { sleep } from '../../lib/clock.js'
import { Prober, type Probe, type ProberSettings } from '../../lib/health/active.js'
import { VirtualClock } from '../kit/clock.js'
import { aTarget } from './kit.js'

/** More than are probed at once for the first time, and than are probed at moments of their own. */
const MANY = 300

interface Many {
  readonly clock: VirtualClock
  readonly prober: Prober
  /** When each probe began. */
  readonly begun: number[]
  readonly targets: ReadonlyArray<ReturnType<typeof aTarget>>
  readonly most: () => number
}

function many (probe: (clock: VirtualClock, signal: AbortSignal) => Promise<void>, settings: Partial<ProberSettings> = {}, count = MANY): Many {
  const clock = new VirtualClock()
  const begun: number[] = []
  let running = 0
  let most = 0
  const counted: Probe = async (_target, _dispatcher, signal) => {
    begun.push(clock.now())
    most = Math.max(most, ++running)
    await probe(clock, signal).finally(() => { running-- })
  }
  const prober = new Prober({
    clock, tls: {}, port: undefined, interval: 5000, jitter: 0, timeout: 2000, rise: 2, fall: 3, onVerdict: () => {}, ...settings, probe: counted
  })
  const targets = Array.from({ length: count }, (_, id) => aTarget(clock, undefined, id))
  for (const target of targets) prober.watch(target, true, true)
  prober.start()
  return { clock, prober, begun, targets, most: () => most }
}

t.test('of many targets some are probed at once for the first time, the others as those end', async t => {
  const { clock, prober, begun, most } = many(async (clock, signal) => { await sleep(clock, 10, signal) })
  const atOnce = begun.length
  t.ok(atOnce >= 16 && atOnce < MANY)
  await clock.advance(10 * Math.ceil(MANY / atOnce))
  t.equal(begun.length, MANY)
  t.equal(most(), atOnce)
  prober.stop()
  await clock.advance(0)
  t.equal(clock.pending, 0)
})

t.test('those that do not answer do not keep the others waiting for long', async t => {
  const { clock, prober, begun } = many(async (clock, signal) => { await sleep(clock, 100_000, signal) })
  const atOnce = begun.length
  await clock.advance(249)
  t.equal(begun.length, atOnce)
  await clock.advance(1)
  t.equal(begun.length, 2 * atOnce)
  prober.stop()
  await clock.advance(0)
  t.equal(clock.pending, 0)
})

t.test('a target that leaves or a stop while it waits for its first probe means that there is none', async t => {
  const { clock, prober, begun, targets } = many(async (clock, signal) => { await sleep(clock, 10, signal) })
  const atOnce = begun.length
  for (const target of targets.slice(atOnce)) prober.unwatch(target)
  await clock.advance(1000)
  t.equal(begun.length, atOnce)
  for (const target of targets.slice(atOnce)) prober.watch(target, true, true)
  t.equal(begun.length, 2 * atOnce)
  prober.stop()
  await clock.advance(1000)
  t.equal(begun.length, 2 * atOnce)
  t.equal(clock.pending, 0)
})

t.test('many are probed some at a time, within the jitter', async t => {
  const { clock, prober, begun } = many(async () => {}, { jitter: 0.1 })
  await clock.advance(5600)
  prober.stop()
  const second = begun.slice(MANY, 2 * MANY)
  t.equal(second.length, MANY)
  t.ok(Math.min(...second) >= 4500 && Math.max(...second) <= 5500)
  const moments = new Set(second).size
  t.ok(moments <= 21, `${moments} moments`)
  t.ok(moments > 10, 'and not all of them together')
})

t.test('one of those whose time is over together may end the others, and begin them anew', async t => {
  for (const again of [false, true]) {
    let reports = 0
    let probes = 0
    const { clock, prober, begun, targets } = many(async () => { if (++probes > MANY) await new Promise(() => {}) }, {
      fall: 1,
      onVerdict: () => {
        if (reports++ > 0) return
        prober.stop()
        if (again) prober.start()
      }
    })
    await clock.advance(7000)
    t.equal(reports, 1, 'of the others nothing is known')
    t.ok(again ? begun.length > 2 * MANY : begun.length === 2 * MANY)
    for (const target of targets) prober.unwatch(target)
    t.equal(clock.pending, 0)
  }
})

t.test('without jitter even many are probed to the millisecond', async t => {
  const { clock, prober, begun } = many(async () => {}, { interval: 1234.5 })
  await clock.advance(1235)
  prober.stop()
  t.same(new Set(begun), new Set([0, 1234.5]))
})

t.test('deadlines of many are late by a fortieth of the timeout at most, and never early', async t => {
  const ends: number[] = []
  const { clock, prober } = many(async (clock, signal) => {
    const begun = clock.now()
    await sleep(clock, 100_000, signal)
    ends.push(clock.now() - begun)
  }, { timeout: 1000 })
  await clock.advance(13)
  await clock.advance(1500)
  prober.stop()
  const late = ends.filter(ms => ms > 990)
  t.ok(late.length > 50)
  t.ok(Math.min(...late) >= 1000 && Math.max(...late) <= 1025)
})
