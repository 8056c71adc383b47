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
 * Unequal weights: nginx's smooth weighted round robin (commit 52327e0627f4, 2012), which spreads the turns of a heavy
 * target out: 5, 1, 1 gives a a b a c a a. What each target is owed is remembered per target. O(n).
 */
export const roundRobin: PolicyFactory = clock => {
  const owed = new WeakMap<Target, number>()
  let known: readonly Target[] = []
  let even = true
  /** Index in `known` of the target that had the last turn. */
  let place = -1
  /** The id of that target; it keeps the place while the target itself is away. */
  let lastId = -1
  let started = false

  function learn (targets: readonly Target[]): void {
    known = targets
    even = evenWeights(targets)
    // The last target whose turn came no later than the last turn taken; -1, the end of the round, if there is none.
    place = targets.findLastIndex(target => target.id <= lastId)
  }

  function nextEven (targets: readonly Target[]): Target {
    place = (place + 1) % targets.length
    return at(targets, place)
  }

  function nextWeighted (targets: readonly Target[]): Target {
    let total = 0
    let best: Target | undefined
    let most = -Infinity
    for (const target of targets) {
      const due = (owed.get(target) ?? 0) + target.weight
      owed.set(target, due)
      total += target.weight
      if (due > most) {
        most = due
        best = target
      }
    }
    best ??= at(targets, 0)
    owed.set(best, most - total)
    return best
  }

  function start (targets: readonly Target[]): void {
    started = true
    if (even) {
      place = Math.floor(clock.random() * targets.length)
    } else {
      const total = targets.reduce((sum, target) => sum + target.weight, 0)
      const leadIn = Math.floor(clock.random() * Math.min(total, LONGEST_LEAD_IN))
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
