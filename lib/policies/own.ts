import { PolicyError } from '../errors.js'
import { explained, type Policy } from '../policy.js'
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

  const own: Policy = (targets, { key, attempt }) => {
    let target: Target
    try {
      target = policy(targets, { key, attempt })
    } catch (error) {
      throw PolicyError('it threw', { cause: error })
    }
    if (!includes(targets, target)) throw PolicyError('it returned something that is not one of the targets it was given')
    return target
  }
  const { explain } = policy
  if (typeof explain !== 'function') return own
  return explained(own, (targets, { key, attempt }) => {
    try {
      const { next, scores, unit, chances, because } = explain(targets, { key, attempt })
      return {
        next: next !== undefined && targets.includes(next) ? next : undefined,
        ...(isListFor(targets, scores) ? { scores } : undefined),
        ...(isListFor(targets, chances) ? { chances } : undefined),
        ...(unit === undefined ? undefined : { unit: String(unit) }),
        because: String(because)
      }
    } catch {
      // To explain is no reason for a request to fail.
      return { next: undefined, because: 'is what the policy says, which could not explain it' }
    }
  })
}

function isListFor (targets: readonly Target[], list: unknown): list is readonly number[] {
  return Array.isArray(list) && list.length === targets.length && list.every(Number.isFinite)
}
