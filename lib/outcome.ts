/**
 * What one attempt (one send of a request to one target) came to.
 *
 * Retries, health, metrics and the status the client sees all follow from this one value.
 * `latency` is in milliseconds, from the pick to the final response headers.
 */
export type Outcome =
  /** Final response headers came, and the body that followed was whole. */
  | {
    readonly kind: 'answered'
    readonly status: number
    readonly latency: number
    /** Milliseconds that the target asks to be spared for: the `Retry-After` of a 429 or 503. 0 is a 429 without one. */
    readonly spare?: number
    /** Milliseconds for which the target asks to be drained. */
    readonly drain?: number
  }
  /** Never on the wire. Nothing can have happened upstream, so any request may go elsewhere. */
  | { readonly kind: 'unsent', readonly error: Error }
  /** Sent, and nothing of an answer was passed on to the client. The target may have acted on it. */
  | {
    readonly kind: 'failed'
    readonly error: Error
    /** The connection had been idle and was found closed: its server had let go of it, which says nothing about its health. */
    readonly stale?: boolean
  }
  /** Part of the answer was passed on, then it broke off. Too late for anything but to cut the client off too. */
  | { readonly kind: 'broken', readonly error: Error }
  /** Whoever asked went away. Says nothing about the target, unless it was outrun. */
  | {
    readonly kind: 'aborted'
    readonly error: Error
    /** Unanswered for so long that another target, which was asked later, has answered first. */
    readonly outrun?: boolean
  }

/** A target's state. `trial` lets one request at a time through after an ejection. */
export type Health = 'up' | 'down' | 'trial' | 'draining'

/**
 * Why an attempt was made: it is the first one of its request; another target is asked after a failure; another one is asked as well,
 * as a hedge; the connection was found closed; the same target is asked again after its `Retry-After`.
 */
export type Why = 'first' | 'retry' | 'hedge' | 'stale' | 'spare'

/** One line of `request.attempts`. */
export interface AttemptRecord {
  /** URL of the target, as configured. */
  readonly target: string
  readonly why: Why
  readonly outcome: Outcome['kind']
  /** Status of the target's answer, when there was one. */
  readonly status?: number
  /** Why there was none, or why it broke off. */
  readonly error?: Error
  /** Milliseconds from the pick to the final response headers, or to the failure. */
  readonly ms: number
  /** Milliseconds from the request to the pick. */
  readonly startedAt: number
  /** Milliseconds from the pick until the request was written to a connection; undefined when it never was. */
  readonly sentAfter?: number
  /** Milliseconds from the pick to the end of the answer, or to the failure; undefined while it goes on. */
  readonly endedAfter?: number
}

/** Whether an outcome counts against its target. A client's departure never does, nor does a 4xx answer or a stale connection. */
export function isFault (outcome: Outcome): boolean {
  switch (outcome.kind) {
    case 'answered': return outcome.status >= 500
    case 'failed': return outcome.stale !== true
    case 'unsent':
    case 'broken': return true
    case 'aborted': return false
  }
}
