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
 */
export type Policy = (targets: readonly Target[], pick: Pick) => Target

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
