import { at, load, type PolicyFactory } from '../policy.js'
import type { Target } from '../target.js'

/**
 * The least busy target for its weight, by a full scan: with all of them in reach it waits less than the best of two
 * random draws. Ties are what decides the shares of a lightly loaded pool, so they go round by weight: each pick moves
 * a target's pass on by 1 / weight and the one that is furthest behind goes next (stride scheduling, Waldspurger and
 * Weihl, 1995). Whoever was passed over, busy or away, does not catch up on what it missed: its next pick counts from
 * the present turn (start-time fair queueing, Goyal, Vin and Cheng, 1996). O(n).
 */
export const leastRequests: PolicyFactory = clock => {
  const passes = new WeakMap<Target, number>()
  let known: readonly Target[] = []
  let pass = new Float64Array(0)
  /** Where the latest pick began; nobody is more than a turn of its own ahead of it. */
  let turn = 0

  function learn (targets: readonly Target[]): void {
    known.forEach((target, i) => { passes.set(target, pass[i] ?? 0) })
    known = targets
    pass = Float64Array.from(targets, target => {
      // A newcomer is less than one turn ahead, so that many gateways that start together do not all begin with the same target.
      const own = passes.get(target) ?? turn + clock.random() / target.weight
      // A weight that has grown makes for shorter turns.
      return Math.min(own, turn + 1 / target.weight)
    })
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
    turn = Math.max(turn, pass[best] ?? 0)
    pass[best] = turn + 1 / target.weight
    return target
  }
}
