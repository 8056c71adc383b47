import fc from 'fast-check'
import t from 'tap'
import type { Clock } from '../../lib/clock.js'
import { draw } from '../../lib/policies/draw.js'
import { VirtualClock } from '../kit/clock.js'
import { fits, shares, targetsOf } from './sample.js'

/** A clock whose dice show these numbers. */
function loaded (...throws: readonly number[]): Clock {
  let next = 0
  return {
    now: () => 0,
    wall: () => 0,
    random: () => throws[next++] ?? 0,
    after: () => () => {}
  }
}

const ALMOST_1 = 1 - 2 ** -53

const anyWeight = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.double({ min: 1e-6, max: 1e6, noNaN: true }))
const dice = fc.oneof(fc.double({ min: 0, max: ALMOST_1, noNaN: true }), fc.constantFrom(0, ALMOST_1))

t.test('two draws are two different targets, whatever the weights and the dice', async t => {
  const weights = fc.array(anyWeight, { minLength: 2, maxLength: 8 })
  t.doesNotThrow(() => {
    fc.assert(fc.property(weights, dice, dice, (weights, one, other) => {
      const targets = targetsOf(...weights)
      const drawn = draw(loaded(one, other))
      const first = drawn.one(targets)
      const second = drawn.other(targets, first)
      return first !== second && targets[first] !== undefined && targets[second] !== undefined
    }), { seed: 1, numRuns: 2000 })
  })
})

t.test('a second draw can be asked for after any first one, also as the first question', async t => {
  const weights = fc.array(anyWeight, { minLength: 2, maxLength: 8 })
  t.doesNotThrow(() => {
    fc.assert(fc.property(weights, fc.nat(7), dice, (weights, index, point) => {
      const targets = targetsOf(...weights)
      const first = index % targets.length
      const second = draw(loaded(point)).other(targets, first)
      return second !== first && targets[second] !== undefined
    }), { seed: 1, numRuns: 2000 })
  })
})

t.test('the second draw has the chances of the weights that are left', async t => {
  for (const weights of [[1, 2, 3, 4], [1, 1, 1, 1], [10, 1, 1], [0.1, 0.2, 0.7]]) {
    const targets = targetsOf(...weights)
    const drawn = draw(new VirtualClock(1))
    for (let first = 0; first < targets.length; first++) {
      const counts = targets.map(() => 0)
      for (let i = 0; i < 20_000; i++) {
        const second = drawn.other(targets, first)
        counts[second] = (counts[second] ?? 0) + 1
      }
      t.equal(counts[first], 0)
      const left = <T>(list: readonly T[]): T[] => list.filter((_, i) => i !== first)
      t.ok(fits(left(counts), shares(left(weights))), `${weights.join(':')} after ${first}: ${counts.join(' : ')}`)
    }
  }
})

t.test('the dice are divided among the targets in their order', async t => {
  const even = targetsOf(1, 1, 1, 1)
  t.strictSame([0, 0.24, 0.25, 0.5, 0.75, ALMOST_1].map(point => draw(loaded(point)).one(even)), [0, 0, 1, 2, 3, 3])
  const uneven = targetsOf(1, 2, 1)
  t.strictSame([0, 0.24, 0.25, 0.74, 0.75, ALMOST_1].map(point => draw(loaded(point)).one(uneven)), [0, 0, 1, 1, 2, 2])
  // Without the middle one the two others have half the dice each.
  t.strictSame([0, 0.49, 0.5, ALMOST_1].map(point => draw(loaded(point)).other(uneven, 1)), [0, 0, 2, 2])
})

t.test('another array of targets means other weights', async t => {
  const drawn = draw(new VirtualClock(1))
  const counts = (targets: ReturnType<typeof targetsOf>): number[] => {
    const counts = targets.map(() => 0)
    for (let i = 0; i < 10_000; i++) {
      const index = drawn.one(targets)
      counts[index] = (counts[index] ?? 0) + 1
    }
    return counts
  }
  for (const weights of [[1, 3], [3, 1], [1, 1, 1], [2, 1, 5], [1]]) {
    const observed = counts(targetsOf(...weights))
    t.ok(fits(observed, shares(weights)), `${weights.join(':')}: ${observed.join(' : ')}`)
  }
})
