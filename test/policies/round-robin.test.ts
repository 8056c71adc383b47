import fc from 'fast-check'
import t from 'tap'
import { roundRobin } from '../../lib/policies/round-robin.js'
import { VirtualClock } from '../kit/clock.js'
import { conformance } from './conformance.js'
import { fits, nameOf, pickOf, sequence, shares, tally, targetsOf } from './sample.js'

conformance('round-robin', roundRobin, { shares: 'exact' })

/** Every text that is this one, turned. */
function rotations (cycle: string): string[] {
  return Array.from(cycle, (_, i) => cycle.slice(i) + cycle.slice(0, i))
}

const CYCLES: ReadonlyArray<{ readonly weights: readonly number[], readonly cycle: string }> = [
  { weights: [1, 1, 1], cycle: 'abc' },
  { weights: [5, 1, 1], cycle: 'aabacaa' },
  { weights: [3, 2, 1], cycle: 'abacba' },
  { weights: [7, 3], cycle: 'abaaabaaba' },
  // The same shares in other measures.
  { weights: [10, 2, 2], cycle: 'aabacaa' },
  { weights: [1.5, 1, 0.5], cycle: 'abacba' }
]

for (const { weights, cycle } of CYCLES) {
  t.test(`weights ${weights.join(':')} go round as ${cycle}, from any place in it`, async t => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const turns = sequence(roundRobin(new VirtualClock(seed)), targetsOf(...weights), 2 * cycle.length).join('')
      seen.add(turns.slice(0, cycle.length))
      seen.add(turns.slice(cycle.length))
    }
    t.strictSame([...seen].sort(), [...new Set(rotations(cycle))].sort())
  })
}

t.test('with equal weights nobody is ever more than one pick ahead, after any number of picks', async t => {
  for (let n = 1; n <= 7; n++) {
    const targets = targetsOf(...Array.from({ length: n }, () => 1))
    const policy = roundRobin(new VirtualClock(n))
    const picked: string[] = []
    for (let m = 1; m <= 5 * n; m++) {
      picked.push(nameOf(pickOf(policy, targets)))
      const counts = tally(picked, targets)
      if (!counts.every(count => count === Math.floor(m / n) || count === Math.ceil(m / n))) t.fail(`after ${m} picks of ${n}: ${counts.join(':')}`)
    }
    t.strictSame(tally(picked, targets), targets.map(() => 5))
  }
})

t.test('after any number of picks a count is within two of its exact share, for any weights', async t => {
  const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 })
  t.doesNotThrow(() => {
    fc.assert(fc.property(weights, fc.integer(), (weights, seed) => {
      const targets = targetsOf(...weights)
      const policy = roundRobin(new VirtualClock(seed))
      const exact = shares(weights)
      const counts = new Map(targets.map(target => [target, 0]))
      for (let m = 1; m <= 150; m++) {
        const target = pickOf(policy, targets)
        counts.set(target, (counts.get(target) ?? 0) + 1)
        if (!targets.every((target, i) => Math.abs((counts.get(target) ?? 0) - m * (exact[i] ?? 0)) <= 2)) return false
      }
      return true
    }), { seed: 1, numRuns: 500 })
  })
})

t.test('a heavy target never has a longer run than its share asks for', async t => {
  const picked = sequence(roundRobin(new VirtualClock(1)), targetsOf(5, 1, 1), 700).join('')
  t.equal(Math.max(...picked.split(/[^a]/).map(run => run.length)), 4)
})

for (const weights of [[1, 1], [1, 1, 1, 1, 1, 1, 1], [5, 1, 1], [1, 2, 3, 4], [0.5, 0.25, 0.25], [1.5, 0.5]]) {
  t.test(`of many gateways with weights ${weights.join(':')}, each target gets its share of first requests`, async t => {
    const clock = new VirtualClock(11)
    const targets = targetsOf(...weights)
    const firsts = Array.from({ length: 10_000 }, () => nameOf(pickOf(roundRobin(clock), targets)))
    const counts = tally(firsts, targets)
    t.ok(fits(counts, shares(weights)), counts.join(' : '))
  })
}

t.test('load plays no part', async t => {
  const targets = targetsOf(1, 1)
  const policy = roundRobin(new VirtualClock(1))
  for (let i = 0; i < 50; i++) targets[0]?.begin()
  t.strictSame(tally(sequence(policy, targets, 100), targets), [50, 50])
})

t.test('two pools with one clock do not share a rotation', async t => {
  const clock = new VirtualClock(1)
  const [one, other] = [roundRobin(clock), roundRobin(clock)]
  const targets = targetsOf(1, 1, 1)
  const picked: string[] = []
  for (let i = 0; i < 30; i++) {
    picked.push(nameOf(pickOf(one, targets)))
    pickOf(other, targets)
  }
  t.strictSame(tally(picked, targets), [10, 10, 10])
})
