import { at, evenWeights, type PolicyFactory } from '../policy.js'
import type { Target } from '../target.js'

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
 * turns of a heavy target out: 5, 1, 1 gives a a b a c a a. What each target is owed is remembered per target. O(n).
 */
export const roundRobin: PolicyFactory = clock => {
  let known: readonly Target[] = []
  let even = true
  /** Index in `known` of the target that had the last turn. */
  let place = -1
  /** The id of that target; it keeps the place while the target itself is away. */
  let lastId = -1
  /** What each of `known` is owed: it earns its weight with every pick, and the one that is picked pays `total`. */
  let due = new Float64Array(0)
  let total = 0
  /** The same in picks, which mean the same for every list: one with fewer targets has a smaller total. */
  const owed = new WeakMap<Target, number>()
  let started = false

  function learn (targets: readonly Target[]): void {
    if (!even) known.forEach((target, i) => { owed.set(target, (due[i] ?? 0) / total) })
    known = targets
    // For good: when a heavy target fails and the rest weigh the same, turns by place would all go to its neighbour.
    even &&= evenWeights(targets)
    if (even) {
      // The last target whose turn came no later than the last turn taken; -1, the end of the round, if there is none.
      place = targets.findLastIndex(target => target.id <= lastId)
    } else {
      total = targets.reduce((sum, target) => sum + target.weight, 0)
      due = Float64Array.from(targets, target => (owed.get(target) ?? 0) * total)
    }
  }

  function nextEven (targets: readonly Target[]): Target {
    place = (place + 1) % targets.length
    return at(targets, place)
  }

  function nextWeighted (targets: readonly Target[]): Target {
    let best = 0
    for (let i = 0; i < targets.length; i++) {
      due[i] = (due[i] ?? 0) + at(targets, i).weight
      if ((due[i] ?? 0) > (due[best] ?? 0)) best = i
    }
    due[best] = (due[best] ?? 0) - total
    return at(targets, best)
  }

  function start (targets: readonly Target[]): void {
    started = true
    if (even) {
      place = Math.floor(clock.random() * targets.length)
    } else {
      // Whole weights repeat after as many picks as they add up to; fractions may take any number.
      const whole = targets.every(target => Number.isInteger(target.weight))
      const leadIn = Math.floor(clock.random() * (whole ? Math.min(total, LONGEST_LEAD_IN) : LONGEST_LEAD_IN))
      for (let i = 0; i < leadIn; i++) nextWeighted(targets)
    }
  }

  return targets => {
    if (targets !== known) learn(targets)
    if (!started) start(targets)
    const target = even ? nextEven(targets) : nextWeighted(targets)
    lastId = target.id
    return target
  }
}
