import fc from 'fast-check'
import t from 'tap'
import { draw } from '../../lib/policies/draw.js'
import { p2c } from '../../lib/policies/p2c.js'
import { load } from '../../lib/policy.js'
import { VirtualClock } from '../kit/clock.js'
import { conformance } from './conformance.js'
import { fits, nameOf, occupy, pickOf, sequence, shares, tally, targetsOf } from './sample.js'

conformance('p2c', p2c, { shares: 'by chance' })

t.test('of 100 requests none goes to a target with 100 in flight while another is idle', async t => {
  for (let seed = 0; seed < 20; seed++) {
    const targets = targetsOf(1, 1)
    const policy = p2c(new VirtualClock(seed))
    if (targets[0] !== undefined) occupy(targets[0], 100)
    for (let i = 0; i < 100; i++) {
      const target = pickOf(policy, targets)
      if (nameOf(target) !== 'b') t.fail(`pick ${i} of seed ${seed}`)
      target.begin()
    }
    t.strictSame(targets.map(target => target.inFlight), [100, 100])
  }
})

t.test('the less busy of the two that are drawn is taken, and the first of them on a tie', async t => {
  const situation = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 10 }), inFlight: fc.nat(5) }), { minLength: 2, maxLength: 8 })
  t.doesNotThrow(() => {
    fc.assert(fc.property(situation, fc.integer(), (situation, seed) => {
      const targets = targetsOf(...situation.map(({ weight }) => weight))
      targets.forEach((target, i) => { occupy(target, situation[i]?.inFlight ?? 0) })
      const policy = p2c(new VirtualClock(seed))
      // The same dice thrown a second time tell what was drawn.
      const drawn = draw(new VirtualClock(seed))
      for (let i = 0; i < 20; i++) {
        const index = drawn.one(targets)
        const [first, second] = [targets[index], targets[drawn.other(targets, index)]]
        if (first === undefined || second === undefined) return false
        if (pickOf(policy, targets) !== (load(second) < load(first) ? second : first)) return false
      }
      return true
    }), { seed: 1, numRuns: 200 })
  })
})

t.test('of three targets of which two are busy, a busy one is taken only when both of them are drawn', async t => {
  const targets = targetsOf(1, 1, 1)
  for (const target of targets.slice(0, 2)) occupy(target, 10)
  const counts = tally(sequence(p2c(new VirtualClock(1)), targets, 30_000), targets)
  t.ok(fits(counts, [1 / 6, 1 / 6, 2 / 3]), counts.join(' : '))
})

t.test('a target that is busier than every other is never taken', async t => {
  for (const weights of [[1, 1, 1, 1], [4, 3, 2, 1]]) {
    const targets = targetsOf(...weights)
    if (targets[2] !== undefined) occupy(targets[2], 50)
    t.equal(tally(sequence(p2c(new VirtualClock(2)), targets, 10_000), targets)[2], 0)
  }
})

for (const weights of [[1, 1, 1, 1], [3, 1], [5, 1, 1], [1, 2, 3, 4]]) {
  t.test(`idle targets with weights ${weights.join(':')} get shares in proportion`, async t => {
    const targets = targetsOf(...weights)
    const counts = tally(sequence(p2c(new VirtualClock(4)), targets, 40_000), targets)
    t.ok(fits(counts, shares(weights)), counts.join(' : '))
  })
}

t.test('gateways that start together do not all begin with the same target', async t => {
  const clock = new VirtualClock(6)
  const targets = targetsOf(1, 1, 1, 1)
  const firsts = Array.from({ length: 10_000 }, () => nameOf(pickOf(p2c(clock), targets)))
  t.ok(fits(tally(firsts, targets), shares([1, 1, 1, 1])), tally(firsts, targets).join(' : '))
})

t.test('the chances that it tells are those of every pair that may be drawn', async t => {
  for (const [weights, busy] of [[[1, 1, 1], [0, 0, 0]], [[1, 1, 1, 1], [2, 0, 1, 1]], [[5, 1, 2, 1], [1, 0, 3, 3]], [[1, 3], [1, 0]]] as const) {
    const targets = targetsOf(...weights)
    targets.forEach((target, i) => { for (let n = 0; n < (busy[i] ?? 0); n++) target.begin() })
    const total = targets.reduce((sum, { weight }) => sum + weight, 0)
    const expected = targets.map(() => 0)
    targets.forEach((first, i) => {
      targets.forEach((second, j) => {
        if (i === j) return
        const picked = load(second) < load(first) ? j : i
        expected[picked] = (expected[picked] ?? 0) + first.weight / total * second.weight / (total - first.weight)
      })
    })
    const { chances = [] } = p2c(new VirtualClock()).explain?.(targets, { key: undefined, attempt: 0 }) ?? {}
    t.equal(chances.length, expected.length)
    expected.forEach((chance, i) => { t.ok(Math.abs(chance - (chances[i] ?? 0)) < 1e-9, `${chances[i]} is ${chance}`) })
  }
})
