import type { AttemptStart, ExchangeEnd } from './events.js'
import type { Health, Outcome } from './outcome.js'
import type { Target } from './target.js'

/**
 * Is told what happens in a pool. Calls are synchronous and on the hot path: count, and leave the rest for later.
 * An observer that throws is reported to the log and changes nothing. Which of the functions there are is looked at once, when
 * it is given to the pool: what nobody wants costs nothing.
 */
export interface Observer {
  /** An attempt begins. May return header fields to set on it, names in lower case: the context of a trace. */
  attempted? (target: Target, attempt: AttemptStart): Readonly<Record<string, string>> | undefined | void
  /** An attempt ended. Called once per attempt. */
  settled? (target: Target, outcome: Outcome, attempt: AttemptStart): void
  /** A target's health is no longer `was`. */
  healthChanged? (target: Target, was: Health, reason: string): void
  /** A request is over. Called once per request of the pool, after its last attempt has settled. */
  ended? (exchange: ExchangeEnd): void
  /** A target has joined the pool of that name after it was made. */
  joined? (target: Target, pool: string): void
  /** A target has left. What it has in flight goes on, and is told of with `settled`. */
  left? (target: Target, pool: string): void
  /** Discovery has begun to fail, or fails for another reason: the pool keeps the last list. Undefined: it works again. */
  discoveryChanged? (pool: string, failure: string | undefined): void
}

const OBSERVED: ReadonlyArray<keyof Observer> = ['attempted', 'settled', 'healthChanged', 'ended', 'joined', 'left', 'discoveryChanged']

export const OBSERVER = `an object with a function ${OBSERVED.slice(0, -1).join(', ')} or ${OBSERVED.at(-1)}`

/** Whether it is what `OBSERVER` says. */
export function isObserver (value: unknown): value is Observer {
  if (typeof value !== 'object' || value === null) return false
  const methods = OBSERVED.map(name => (value as Record<keyof Observer, unknown>)[name]).filter(method => method !== undefined)
  return methods.length > 0 && methods.every(method => typeof method === 'function')
}
