import fc from 'fast-check'
import t from 'tap'
import { leastRequests } from '../../lib/policies/least-requests.js'
import { VirtualClock } from '../kit/clock.js'
import { nameOf, only, pickOf, sequence, shares, tally, targetsOf, without } from './sample.js'

t.test('a target that is back does not catch up on what it missed', async t => {
  for (const weights of [[1, 1, 1], [3, 1, 2]]) {
    const targets = targetsOf(...weights)
    const policy = leastRequests(new VirtualClock(1))
    sequence(policy, targets, 10)
    sequence(policy, without(targets, 'b'), 1000)
    const counts = tally(sequence(policy, targets, 60), targets)
    shares(weights).forEach((share, i) => t.ok(Math.abs((counts[i] ?? 0) - 60 * share) <= 1, counts.join(' : ')))
  }
})

t.test('one that stood in for all the others is not left out once they are back', async t => {
  const targets = targetsOf(1, 1, 1)
  const policy = leastRequests(new VirtualClock(1))
  sequence(policy, targets, 3)
  sequence(policy, only(targets, 'a'), 1000)
  sequence(policy, only(targets, 'bc'), 2)
  t.strictSame(tally(sequence(policy, targets, 30), targets), [10, 10, 10])
})

t.test('one that took most requests of a busy time is not left out in the quiet time that follows', async t => {
  const targets = targetsOf(1, 1)
  const policy = leastRequests(new VirtualClock(1))
  const [, slow] = targets
  const settle = slow?.begin()
  t.strictSame(tally(sequence(policy, targets, 1000), targets), [1000, 0])
  settle?.({ kind: 'answered', status: 200, latency: 60_000 })
  t.strictSame(tally(sequence(policy, targets, 20), targets), [10, 10])
})

t.test('one that got a larger weight does not have to wait as its former one would have', async t => {
  const targets = targetsOf(0.01, 1)
  const policy = leastRequests(new VirtualClock(1))
  sequence(policy, targets, 102)
  const [a] = targets
  if (a !== undefined) a.weight = 1
  const reweighed = Object.freeze([...targets])
  t.strictSame(tally(sequence(policy, reweighed, 20), reweighed), [10, 10])
})

t.test('the requests of a target that fails at once go to the others by weight', async t => {
  const weights = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 6 })
  t.doesNotThrow(() => {
    fc.assert(fc.property(weights, fc.integer(), (weights, seed) => {
      const targets = targetsOf(...weights)
      const rest = without(targets, 'a')
      const policy = leastRequests(new VirtualClock(seed))
      const answered = Array.from({ length: 300 }, () => {
        const name = nameOf(pickOf(policy, targets))
        return name === 'a' ? nameOf(pickOf(policy, without(targets, 'a'), 1)) : name
      })
      const counts = tally(answered, rest)
      return shares(rest.map(target => target.weight)).every((share, i) => Math.abs((counts[i] ?? 0) - 300 * share) <= 3)
    }), { seed: 1, numRuns: 300 })
  })
})

t.test('many targets that come and go do not make the picks wrong', async t => {
  const all = targetsOf(...Array.from({ length: 200 }, () => 1))
  const policy = leastRequests(new VirtualClock(1))
  for (let i = 0; i < 200; i++) sequence(policy, Object.freeze(all.filter((_, j) => j !== i)), 3)
  t.strictSame(tally(sequence(policy, all, 400), all), all.map(() => 2))
})
