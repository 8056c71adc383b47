import fc from 'fast-check'
import t from 'tap'
import { roundRobin } from '../../lib/policies/round-robin.js'
import type { Target } from '../../lib/target.js'
import { VirtualClock } from '../kit/clock.js'
import { nameOf, only, pickOf, sequence, shares, tally, targetOf, targetsOf, without } from './sample.js'

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8]

t.test('with one of four gone, the others get a third each', async t => {
  for (const seed of SEEDS) {
    for (const gone of 'abcd') {
      const targets = targetsOf(1, 1, 1, 1)
      const policy = roundRobin(new VirtualClock(seed))
      sequence(policy, targets, seed)
      const rest = without(targets, gone)
      for (const count of tally(sequence(policy, rest, 100), rest)) t.ok(Math.abs(count - 100 / 3) <= 1, `${gone}: ${count}`)
    }
  }
})

t.test('after a target has left nobody is ever more than one pick ahead, counted from then on', async t => {
  for (const seed of SEEDS) {
    for (let before = 0; before < 5; before++) {
      const targets = targetsOf(1, 1, 1, 1, 1)
      const policy = roundRobin(new VirtualClock(seed))
      sequence(policy, targets, before)
      const rest = without(targets, 'c')
      const picked: string[] = []
      for (let m = 1; m <= 20; m++) {
        picked.push(nameOf(pickOf(policy, rest)))
        const counts = tally(picked, rest)
        t.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join(':'))
      }
    }
  }
})

t.test('the rotation goes on where it was when a target leaves, returns or joins', async t => {
  const four = targetsOf(1, 1, 1, 1)
  const policy = roundRobin(new VirtualClock(1))
  while (nameOf(pickOf(policy, four)) !== 'b');
  t.equal(nameOf(pickOf(policy, without(four, 'a'))), 'c', 'one that has had its turn left')
  t.equal(nameOf(pickOf(policy, without(four, 'c'))), 'd', 'the one that was just picked left')
  t.equal(nameOf(pickOf(policy, without(four, 'a'))), 'b', 'the one whose turn it is left')
  t.equal(nameOf(pickOf(policy, four)), 'c', 'it came back')
  const five = Object.freeze([...four, targetOf(4)])
  t.equal(sequence(policy, five, 5).join(''), 'deabc', 'another joined at the end')
})

t.test('the place is kept while everybody but others is away', async t => {
  const four = targetsOf(1, 1, 1, 1)
  const policy = roundRobin(new VirtualClock(1))
  while (nameOf(pickOf(policy, four)) !== 'c');
  t.equal(sequence(policy, only(four, 'ab'), 3).join(''), 'aba')
  t.equal(sequence(policy, only(four, 'cd'), 3).join(''), 'cdc')
  t.equal(sequence(policy, four, 4).join(''), 'dabc')
})

for (const dies of 'ab') {
  t.test(`weights 3:1 are 300:100 again after ${dies} was killed and revived`, async t => {
    for (const seed of SEEDS) {
      const targets = targetsOf(3, 1)
      const policy = roundRobin(new VirtualClock(seed))
      sequence(policy, targets, 10 + seed)
      sequence(policy, without(targets, dies), 57)
      const [a = 0] = tally(sequence(policy, targets, 400), targets)
      t.ok(Math.abs(a - 300) <= 2, `${a} of 400`)
    }
  })
}

t.test('a target that comes and goes every ten picks leaves the shares of the others as they are', async t => {
  for (const weights of [[1, 1, 1, 1], [5, 1, 1, 3], [3, 2, 1, 1]]) {
    const targets = targetsOf(...weights)
    const rest = without(targets, 'd')
    const policy = roundRobin(new VirtualClock(3))
    const picked: string[] = []
    for (let i = 0; i < 100; i++) picked.push(...sequence(policy, i % 2 === 0 ? targets : rest, 10))
    const counts = tally(picked, rest)
    const sum = counts.reduce((a, b) => a + b)
    const weight = rest.reduce((sum, target) => sum + target.weight, 0)
    rest.forEach((target, i) => {
      const fair = sum * target.weight / weight
      t.ok(Math.abs((counts[i] ?? 0) - fair) <= 0.02 * fair + 1, `weights ${weights.join(':')}: ${counts.join(':')}`)
    })
  }
})

/**
 * Sends 300 requests; those that meet the first target fail and are sent again after `delay` others.
 * Says how many were answered by each of the rest.
 */
function failOver (weights: readonly number[], delay: number, seed: number): { rest: readonly Target[], counts: number[] } {
  const targets = targetsOf(...weights)
  const policy = roundRobin(new VirtualClock(seed))
  const answered: string[] = []
  const failing: number[] = []
  for (let i = 0; i < 300 || failing.length > 0; i++) {
    if (failing[0] === i) {
      failing.shift()
      // A new array each time, as an exchange makes it.
      answered.push(nameOf(pickOf(policy, without(targets, 'a'), 1)))
    }
    if (i >= 300) continue
    const name = nameOf(pickOf(policy, targets))
    if (name === 'a') failing.push(i + 1 + delay)
    else answered.push(name)
  }
  const rest = without(targets, 'a')
  return { rest, counts: tally(answered, rest) }
}

t.test('the neighbour of a dead target that is still listed does not get its requests on top of its own', async t => {
  for (const seed of SEEDS) {
    for (const delay of [0, 1, 2, 3, 10]) {
      const { counts } = failOver([1, 1, 1, 1], delay, seed)
      for (const count of counts) t.ok(Math.abs(count - 100) <= 1, `after ${delay}: ${counts.join(':')}`)
    }
  }
})

t.test('the requests of a dead target that is still listed go to the others by weight, however late it fails', async t => {
  const weights = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 6 })
  t.doesNotThrow(() => {
    fc.assert(fc.property(weights, fc.nat(20), fc.integer(), (weights, delay, seed) => {
      const { rest, counts } = failOver(weights, delay, seed)
      const exact = shares(rest.map(target => target.weight))
      return counts.every((count, i) => Math.abs(count - 300 * (exact[i] ?? 0)) <= 3)
    }), { seed: 1, numRuns: 300, examples: [[[2, 1, 1], 0, 1], [[10, 1, 2, 3], 0, 1], [[3, 5, 7], 2, 1]] })
  })
})

t.test('a new weight counts from the next pick on', async t => {
  const targets = targetsOf(1, 1)
  const policy = roundRobin(new VirtualClock(1))
  sequence(policy, targets, 5)
  const [a] = targets
  if (a !== undefined) a.weight = 3
  const reweighed = Object.freeze([...targets])
  t.strictSame(tally(sequence(policy, reweighed, 40), reweighed), [30, 10])
  if (a !== undefined) a.weight = 1
  const again = Object.freeze([...targets])
  t.strictSame(tally(sequence(policy, again, 40), again), [20, 20])
})
