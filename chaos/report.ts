/** What the process of a gateway tells of itself. */
import type { Health, Outcome } from '../lib/index.js'

export type AttemptCounts = Record<Outcome['kind'], number>

export interface HealthChange {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly target: string
  readonly to: Health
  readonly reason: string
}

export interface GatewayReport {
  /** Requests that have come in. */
  readonly begun: number
  /** Attempts beyond the first, of requests that have been answered. */
  readonly retried: number
  /** Ended attempts by the target's URL. */
  readonly attempts: Readonly<Record<string, AttemptCounts>>
  readonly changes: readonly HealthChange[]
  /** In flight right now, by the target's URL. */
  readonly inFlight: Readonly<Record<string, number>>
  /** The health of each target right now, by its URL. */
  readonly health: Readonly<Record<string, Health>>
}

export interface Usage {
  /** Bytes of the heap after a collection. */
  readonly heap: number
  readonly sockets: number
  readonly timers: number
}

export type Question =
  | { readonly ask: 'report' }
  | { readonly ask: 'usage' }
  | { readonly ask: 'add' | 'remove', readonly targets: readonly string[] }

/** All attempts, whatever came of them. */
export function total (counts: AttemptCounts | undefined): number {
  return counts === undefined ? 0 : Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** Milliseconds from `since` to the first change of `target` to `health` after it; undefined when there was none. */
export function timeTo (health: Health, target: string, since: number, { changes }: GatewayReport): number | undefined {
  const change = changes.find(change => change.target === target && change.to === health && change.at >= since)
  return change === undefined ? undefined : change.at - since
}
