import type { Dispatcher } from 'undici'
import type { Target } from '../target.js'

/**
 * Asks a target whether it is well; rejects with the reason when it is not. `signal` is its deadline. `dispatcher` has
 * connections of its own, which are closed when the probe is over.
 */
export type Probe = (target: Target, dispatcher: Dispatcher, signal: AbortSignal) => Promise<void>

/**
 * A probe that leaves nothing behind on its dispatcher when it succeeds, and is given the same one the next time. It is
 * over when its dispatcher is, and is not told by its signal.
 */
export interface KeepingProbe extends Probe {
  readonly keeps: true
}

export function keeping (probe: Probe): KeepingProbe {
  return Object.assign(probe, { keeps: true } as const)
}

export function keeps (probe: Probe): boolean {
  return 'keeps' in probe
}

/** With this for a reason a probe says that its target is well, and asks to be drained: no `fall` is waited for. */
export class DrainAsked extends Error {
  constructor () { super('it asked to be drained') }
}
