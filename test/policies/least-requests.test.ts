import fc from 'fast-check'
import t from 'tap'
import { leastRequests } from '../../lib/policies/least-requests.js'
import { load } from '../../lib/policy.js'
import { VirtualClock } from '../kit/clock.js'
import { conformance } from './conformance.js'
import { fits, nameOf, occupy, pickOf, sequence, shares, tally, targetsOf } from './sample.js'

conformance('least-requests', leastRequests, { shares: 'exact' })

t.test('an idle pool of four gets a quarter each of 4,000 requests one after the other', async t => {
  for (let seed = 0; seed < 20; seed++) {
    const targets = targetsOf(1, 1, 1, 1)
    t.strictSame(tally(sequence(leastRequests(new VirtualClock(seed)), targets, 4000), targets), [1000, 1000, 1000, 1000])
  }
})

for (const weights of [[3, 1], [5, 1, 1], [1, 2, 3, 4], [0.5, 0.25, 0.25]]) {
  t.test(`an idle pool with weights ${weights.join(':')} shares requests in proportion`, async t => {
    const targets = targetsOf(...weights)
    const counts = tally(sequence(leastRequests(new VirtualClock(1)), targets, 4200), targets)
    shares(weights).forEach((share, i) => t.ok(Math.abs((counts[i] ?? 0) - 4200 * share) <= 1, counts.join(' : ')))
  })
}

t.test('of 100 requests none goes to a target with 100 in flight while another is idle', async t => {
  const targets = targetsOf(1, 1)
  const policy = leastRequests(new VirtualClock(1))
  if (targets[0] !== undefined) occupy(targets[0], 100)
  for (let i = 0; i < 100; i++) {
    const target = pickOf(policy, targets)
    t.equal(nameOf(target), 'b')
    target.begin()
  }
})

t.test('an idle target is taken before a busy one, however little it weighs', async t => {
  const targets = targetsOf(100, 1)
  const policy = leastRequests(new VirtualClock(1))
  if (targets[0] !== undefined) occupy(targets[0], 1)
  t.equal(nameOf(pickOf(policy, targets)), 'b')
})

t.test('among busy targets the one with the least in flight for its weight is taken, counting the request to come', async t => {
  const targets = targetsOf(1, 4)
  const [light, heavy] = targets
  const policy = leastRequests(new VirtualClock(1))
  if (light === undefined || heavy === undefined) throw new Error('two targets')
  occupy(light, 1)
  occupy(heavy, 6)
  t.equal(nameOf(pickOf(policy, targets)), 'b', '7 / 4 is less than 2 / 1')
  occupy(heavy, 2)
  t.equal(nameOf(pickOf(policy, targets)), 'a', '9 / 4 is more than 2 / 1')
})

t.test('no pick is ever busier for its weight than another target', async t => {
  const situation = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 10 }), inFlight: fc.nat(20) }), { minLength: 1, maxLength: 8 })
  t.doesNotThrow(() => {
    fc.assert(fc.property(situation, fc.integer(), (situation, seed) => {
      const targets = targetsOf(...situation.map(({ weight }) => weight))
      const policy = leastRequests(new VirtualClock(seed))
      targets.forEach((target, i) => { occupy(target, situation[i]?.inFlight ?? 0) })
      for (let i = 0; i < 30; i++) {
        const least = Math.min(...targets.map(load))
        const target = pickOf(policy, targets)
        if (load(target) !== least) return false
        target.begin()
      }
      return true
    }), { seed: 1, numRuns: 300 })
  })
})

t.test('gateways that start together do not all begin with the same target', async t => {
  const clock = new VirtualClock(5)
  const targets = targetsOf(1, 1, 1, 1)
  const firsts = Array.from({ length: 10_000 }, () => nameOf(pickOf(leastRequests(clock), targets)))
  t.ok(fits(tally(firsts, targets), shares([1, 1, 1, 1])), tally(firsts, targets).join(' : '))
})

t.test('a new empty target gets every request until it is as busy as the others, then its share', async t => {
  const targets = targetsOf(1, 1, 1, 1)
  const policy = leastRequests(new VirtualClock(1))
  const old = Object.freeze(targets.slice(0, 3))
  for (const target of old) occupy(target, 30)
  for (let i = 0; i < 300; i++) pickOf(policy, old)
  for (let i = 0; i < 30; i++) {
    const target = pickOf(policy, targets)
    t.equal(nameOf(target), 'd')
    target.begin()
  }
  const picked: string[] = []
  for (let i = 0; i < 40; i++) {
    const target = pickOf(policy, targets)
    picked.push(nameOf(target))
    target.begin()
  }
  t.strictSame(tally(picked, targets), [10, 10, 10, 10])
})

t.test('busy targets of the same speed get shares by weight', async t => {
  const clock = new VirtualClock(9)
  const targets = targetsOf(1, 2, 3)
  const policy = leastRequests(clock)
  const running: Array<{ readonly until: number, readonly end: () => void }> = []
  const picked: string[] = []
  const send = (now: number): void => {
    const target = pickOf(policy, targets)
    picked.push(nameOf(target))
    const settle = target.begin()
    const latency = -Math.log(1 - clock.random())
    running.push({ until: now + latency, end: () => { settle({ kind: 'answered', status: 200, latency }) } })
  }
  // Sixty clients, each of which sends its next request when it has the answer to the last one.
  for (let i = 0; i < 60; i++) send(0)
  for (let i = 0; i < 20_000; i++) {
    const next = running.reduce((a, b) => a.until <= b.until ? a : b)
    running.splice(running.indexOf(next), 1)
    next.end()
    send(next.until)
  }
  const counts = tally(picked, targets)
  shares([1, 2, 3]).forEach((share, i) => t.ok(Math.abs((counts[i] ?? 0) / picked.length - share) < 0.02, counts.join(' : ')))
})
