import { at, load, type PolicyFactory } from '../policy.js'
import type { Target } from '../target.js'

/**
 * The least busy target for its weight, by a full scan: with all of them in reach it waits less than the best of two
 * random draws. Ties are what decides the shares of a lightly loaded pool, so they go round by weight: each pick moves
 * a target's pass on by 1 / weight and the one that is furthest behind goes next (stride scheduling, Waldspurger and
 * Weihl, 1995). O(n).
 */
export const leastRequests: PolicyFactory = clock => {
  const passes = new WeakMap<Target, number>()
  let known: readonly Target[] = []
  let pass = new Float64Array(0)

  function learn (targets: readonly Target[]): void {
    known.forEach((target, i) => { passes.set(target, pass[i] ?? 0) })
    // Whoever was away does not catch up on what it missed: it starts level with the one that is furthest behind.
    const present = targets.map(target => passes.get(target)).filter(value => value !== undefined)
    const ongoing = known.filter(target => targets.includes(target)).map(target => passes.get(target) ?? 0)
    const floor = ongoing.length > 0 ? Math.min(...ongoing) : Math.max(0, ...present)
    known = targets
    pass = Float64Array.from(targets, target => Math.max(floor, passes.get(target) ?? floor + startingPoint(target)))
  }

  /** Less than one turn, so that many gateways that start together do not all begin with the same target. */
  function startingPoint (target: Target): number {
    return clock.random() / target.weight
  }

  return targets => {
    if (targets !== known) learn(targets)
    let best = 0
    let least = load(at(targets, 0))
    for (let i = 1; i < targets.length; i++) {
      const busy = load(at(targets, i))
      if (busy < least || (busy === least && (pass[i] ?? 0) < (pass[best] ?? 0))) {
        best = i
        least = busy
      }
    }
    const target = at(targets, best)
    pass[best] = (pass[best] ?? 0) + 1 / target.weight
    return target
  }
}
