import { PolicyError } from '../errors.js'
import type { Policy } from '../policy.js'
import type { Target } from '../target.js'

/**
 * A user's function as a policy: it may throw, and return anything. Whether it has returned one of the targets is looked up in a
 * set that is kept for as long as the list is the same; a list that was made for a single pick is searched.
 */
export function ownPolicy (policy: Policy): Policy {
  let latest: readonly Target[] | undefined
  let known: readonly Target[] | undefined
  let members: ReadonlySet<Target> = new Set()

  function includes (targets: readonly Target[], target: Target): boolean {
    if (targets === known) return members.has(target)
    if (targets === latest) {
      known = targets
      members = new Set(targets)
    }
    latest = targets
    return targets.includes(target)
  }

  return (targets, { key, attempt }) => {
    let target: Target
    try {
      target = policy(targets, { key, attempt })
    } catch (error) {
      throw PolicyError('it threw', { cause: error })
    }
    if (!includes(targets, target)) throw PolicyError('it returned something that is not one of the targets it was given')
    return target
  }
}
