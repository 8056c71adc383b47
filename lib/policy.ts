import type { Clock } from './clock.js'
import type { Target } from './target.js'

/** What a policy may know about the request. */
export interface Pick {
  /** What the pool's `key` option made of the request; undefined when it found nothing. */
  readonly key: string | undefined
  /** 0 for the first attempt of an exchange. Later ones see only the targets that have not been tried. */
  readonly attempt: number
}

/**
 * Picks a target. `targets` is never empty, holds only targets that may be used, in joining order, and is never
 * changed in place: as long as it is the same array, nothing about membership, health or weights has changed.
 *
 * Any function of this shape will do.
 */
export interface Policy {
  (targets: readonly Target[], pick: Pick): Target
  /**
   * Says whom it would pick now and why, and changes nothing by saying so: no turn is taken and no die is cast. Optional; without
   * it, an explanation names the target that was picked and no scores.
   */
  explain?: (targets: readonly Target[], pick: Pick) => PolicyExplanation
}

/** What a policy would do with these targets now. */
export interface PolicyExplanation {
  /** Whom it would pick; undefined when chance decides among several. */
  readonly next: Target | undefined
  /** What it compares: one for each of the targets, in their order. */
  readonly scores?: readonly number[]
  /** What a score counts, and which is better: `requests in flight by weight, fewest first`. */
  readonly unit?: string
  /** How likely each of the targets is to be picked, 0 to 1, in their order. Left out when that can not be told. */
  readonly chances?: readonly number[]
  /** Why, as the end of a sentence that begins with the target that is picked: `is next in turn`. */
  readonly because: string
}

/** A policy that can say what it would do. */
export function explained (policy: Policy, explain: NonNullable<Policy['explain']>): Policy {
  return Object.assign(policy, { explain })
}

/** Makes a policy for one pool; what it remembers lives in its closure. */
export type PolicyFactory = (clock: Clock) => Policy

/** `targets[index]`, for an index that the caller has computed to be within bounds. */
export function at (targets: readonly Target[], index: number): Target {
  const target = targets[index]
  if (target === undefined) throw new RangeError(`no target at ${index} of ${targets.length}`)
  return target
}

/**
 * How busy a target is, relative to its weight. Idle is 0 whatever the weight: an idle target answers at once, so
 * among idle ones there is nothing to weigh but the shares, which is what the caller breaks ties by.
 */
export function load (target: Target): number {
  return target.inFlight === 0 ? 0 : (target.inFlight + 1) / target.weight
}

/** Whether all targets weigh the same. */
export function evenWeights (targets: readonly Target[]): boolean {
  const first = targets[0]?.weight
  return targets.every(target => target.weight === first)
}
