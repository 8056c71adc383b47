import type { Health, Outcome } from './outcome.js'
import type { Target } from './target.js'

/**
 * Is told what happens in a pool. Calls are synchronous and on the hot path: count, and leave the rest for later.
 * An observer that throws is reported to the log and changes nothing.
 */
export interface Observer {
  /** An attempt ended. Called once per attempt. */
  settled? (target: Target, outcome: Outcome): void
  /** A target's health is no longer `was`. */
  healthChanged? (target: Target, was: Health, reason: string): void
}
