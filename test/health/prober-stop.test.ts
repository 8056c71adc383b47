import t from 'tap'
import { Prober, type Probe, type ProberSettings } from '../../lib/health/active.js'
import { VirtualClock } from '../kit/clock.js'
import { aTarget } from './kit.js'

interface Probing {
  readonly clock: VirtualClock
  readonly prober: Prober
  readonly probes: () => number
  readonly reports: Array<string | undefined>
}

function probing (probe: Probe, settings: Partial<ProberSettings> = {}): Probing {
  const clock = new VirtualClock()
  const reports: Array<string | undefined> = []
  let probes = 0
  const prober = new Prober({
    clock,
    tls: {},
    port: undefined,
    interval: 100,
    jitter: 0,
    timeout: 50,
    rise: 1,
    fall: 1,
    onVerdict: (_target, down) => { reports.push(down?.message) },
    ...settings,
    probe: async (target, dispatcher, signal) => {
      probes++
      await probe(target, dispatcher, signal)
    }
  })
  return { clock, prober, probes: () => probes, reports }
}

const failing: Probe = async () => { throw new Error('sick') }
const endless: Probe = async () => { await new Promise(() => {}) }
const ends = ['stop', 'unwatch'] as const

t.test('nothing is probed before the start, then everything that was watched', async t => {
  const { clock, prober, probes } = probing(async () => {})
  prober.watch(aTarget(clock, undefined, 0), true, true)
  prober.watch(aTarget(clock, undefined, 1), true, true)
  await clock.advance(1000)
  t.equal(probes(), 0)
  t.equal(clock.pending, 0)
  prober.start()
  prober.start()
  await clock.advance(0)
  t.equal(probes(), 2)
})

for (const end of ends) {
  t.test(`${end} between two probes cancels the timer, and nothing is probed or reported afterwards`, async t => {
    const { clock, prober, probes, reports } = probing(async () => {})
    const target = aTarget(clock)
    prober.watch(target, false, true)
    prober.start()
    await clock.advance(50)
    t.equal(clock.pending, 1, 'the wait for the next probe')
    prober[end](target)
    t.equal(clock.pending, 0)
    await clock.advance(1000)
    t.equal(probes(), 1)
    t.same(reports, [undefined])
  })

  t.test(`${end} during a probe cancels its timer and tells its signal, and what it comes to is not reported`, async t => {
    let fail: ((error: Error) => void) | undefined
    let told: unknown
    const { clock, prober, probes, reports } = probing(async (_target, _dispatcher, signal) => {
      signal.addEventListener('abort', () => { told = signal.reason })
      await new Promise((_resolve, reject) => { fail = reject })
    })
    const target = aTarget(clock)
    prober.watch(target, true, true)
    prober.start()
    await clock.advance(10)
    t.equal(clock.pending, 1, 'the deadline')
    prober[end](target)
    await clock.advance(0)
    t.equal(clock.pending, 0)
    t.match(told, { message: 'stopped' })
    fail?.(new Error('late'))
    await clock.advance(1000)
    t.equal(probes(), 1)
    t.same(reports, [])
  })

  t.test(`${end} from within a probe that ignores its signal ends the loop`, async t => {
    const { clock, prober, probes, reports } = probing(async (target, dispatcher, signal) => {
      prober[end](target)
      await endless(target, dispatcher, signal)
    })
    prober.watch(aTarget(clock), true, true)
    prober.start()
    await clock.advance(1000)
    t.same([probes(), reports, clock.pending], [1, [], 0])
  })

  t.test(`${end} from within a report ends the loop`, async t => {
    const { clock, prober, probes } = probing(failing, { onVerdict: target => { prober[end](target) } })
    prober.watch(aTarget(clock), true, true)
    prober.start()
    await clock.advance(1000)
    t.same([probes(), clock.pending], [1, 0])
  })
}

t.test('unwatch leaves the other targets alone', async t => {
  const seen: number[] = []
  const { clock, prober } = probing(async target => { seen.push(target.id) })
  const [gone, staying] = [aTarget(clock, undefined, 0), aTarget(clock, undefined, 1)]
  prober.watch(gone, true, true)
  prober.watch(staying, true, true)
  prober.start()
  await clock.advance(0)
  prober.unwatch(gone)
  await clock.advance(200)
  t.same(seen, [0, 1, 1, 1])
  t.equal(clock.pending, 1)
})

t.test('unwatch of a target that is not watched does nothing', async t => {
  const { clock, prober } = probing(failing)
  prober.unwatch(aTarget(clock))
  t.equal(clock.pending, 0)
})

t.test('a target that is watched after stop waits for the next start', async t => {
  const { clock, prober, probes } = probing(async () => {})
  prober.start()
  prober.stop()
  prober.watch(aTarget(clock), true, true)
  await clock.advance(1000)
  t.equal(probes(), 0)
  prober.start()
  await clock.advance(0)
  t.equal(probes(), 1)
})

t.test('after stop and start the verdict goes on from where it was', async t => {
  let sick = true
  const { clock, prober, reports } = probing(async () => { if (sick) throw new Error('sick') }, { rise: 2, fall: 2 })
  prober.watch(aTarget(clock), true, true)
  prober.start()
  await clock.advance(100)
  t.same(reports, ['sick'])
  prober.stop()
  prober.start()
  await clock.advance(300)
  t.same(reports, ['sick'], 'it is known to be down')
  sick = false
  await clock.advance(300)
  t.same(reports, ['sick', undefined])
  prober.stop()
  t.equal(clock.pending, 0)
})
