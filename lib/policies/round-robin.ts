import { at, evenWeights, explained, type PolicyExplanation, type PolicyFactory } from '../policy.js'
import type { Target } from '../target.js'
import { chancesByWeight, loneOf } from './draw.js'
import { SmoothTurns } from './smooth-turns.js'

/** At most this many picks are thrown away at the start of a weighted rotation to begin anywhere in it. */
const LONGEST_LEAD_IN = 1024

/**
 * Turn by turn, from a random start.
 *
 * Equal weights: the place in the rotation is remembered as a target and not as a number, so the coming and going of
 * others neither skips nor repeats anyone. A target that fails has used its turn up, so its neighbour does not get
 * two. O(1).
 *
 * Unequal weights, now or before: nginx's smooth weighted round robin (commit 52327e0627f4, 2012), which spreads the
 * turns of a heavy target out: 5, 1, 1 gives a a b a c a a. What each target is owed is remembered per target. O(log n), and
 * O(w) for w different weights.
 */
export const roundRobin: PolicyFactory = clock => {
  let known: readonly Target[] = []
  let even = true
  /** Index in `known` of the target that had the last turn. */
  let place = -1
  /** The id of that target; it keeps the place while the target itself is away. */
  let lastId = -1
  let turns = new SmoothTurns([], () => 0)
  /** What targets are owed, in picks, which mean the same for every list: one with fewer targets has a smaller total. */
  const owed = new WeakMap<Target, number>()
  let started = false

  function learn (targets: readonly Target[]): void {
    if (!even) known.forEach((target, i) => { owed.set(target, turns.owed(i)) })
    known = targets
    // For good: when a heavy target fails and the rest weigh the same, turns by place would all go to its neighbour.
    even &&= evenWeights(targets)
    if (even) place = placeIn(targets)
    else turns = turnsOf(targets, target => owed.get(target) ?? 0)
  }

  /** The last target whose turn came no later than the last turn taken; -1, the end of the round, if there is none. */
  function placeIn (targets: readonly Target[]): number {
    return targets.findLastIndex(target => target.id <= lastId)
  }

  function turnsOf (targets: readonly Target[], owedTo: (target: Target) => number): SmoothTurns {
    return new SmoothTurns(targets.map(({ weight }) => weight), i => owedTo(at(targets, i)))
  }

  function next (): number {
    if (!even) return turns.next()
    place = (place + 1) % known.length
    return place
  }

  function start (targets: readonly Target[]): void {
    started = true
    if (even) {
      place = Math.floor(clock.random() * targets.length)
    } else {
      // Whole weights repeat after as many picks as they add up to; fractions may take any number.
      const whole = targets.every(target => Number.isInteger(target.weight))
      const leadIn = Math.floor(clock.random() * (whole ? Math.min(turns.total, LONGEST_LEAD_IN) : LONGEST_LEAD_IN))
      for (let i = 0; i < leadIn; i++) turns.next()
    }
  }

  function explain (targets: readonly Target[]): PolicyExplanation {
    if (!started) {
      return { next: loneOf(targets), chances: chancesByWeight(targets), because: targets.length === 1 ? 'is the only one' : 'is where the first round happens to begin' }
    }
    const because = 'is next in turn'
    if (even && evenWeights(targets)) {
      const first = (targets === known ? place : placeIn(targets)) + 1
      const scores = targets.map((_, i) => (i - first + targets.length) % targets.length)
      return { next: targets[first % targets.length], scores, unit: 'turns of others before its own, fewest first', because }
    }
    const order = targets === known && !even ? turns : foreseen(targets)
    return {
      next: targets[order.peek()], scores: targets.map((_, i) => order.owedNext(i)), unit: 'turns that it is owed by its weight, most first', because
    }
  }

  /** The turns that another list would have. */
  function foreseen (targets: readonly Target[]): SmoothTurns {
    const now = new Map(even ? [] : known.map((target, i) => [target, turns.owed(i)]))
    return turnsOf(targets, target => now.get(target) ?? owed.get(target) ?? 0)
  }

  return explained(targets => {
    if (targets !== known) learn(targets)
    if (!started) start(targets)
    const target = at(targets, next())
    lastId = target.id
    return target
  }, explain)
}
