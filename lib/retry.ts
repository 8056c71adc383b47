import type { Outcome } from './outcome.js'

/** What has been sent so far of a request. */
export interface Sent {
  readonly method: string
  /** Whether the request carries an `Idempotency-Key`, its sender's word that a repeat does no harm. */
  readonly idempotencyKey: boolean
  /** Whether the whole body can be sent again: there is none, or every byte of it is still at hand. */
  readonly replayable: boolean
}

/** Whether a request may be sent to another target after `outcome`. Any function of this shape will do. */
export interface Retry {
  (outcome: Outcome, sent: Sent): boolean
  /** Why it says no; undefined when it says yes. Optional. */
  explain?: (outcome: Outcome, sent: Sent) => Refusal | undefined
}

/**
 * Why a request is not sent again: what came is an answer to pass on; its method may do harm when repeated; its body is not at hand
 * any more; a part of the answer has been passed on; whoever asked has gone.
 */
export type Refusal = 'final' | 'not_idempotent' | 'body_gone' | 'broken' | 'aborted'

/** Idempotent by RFC 9110 §9.2.2, and the safe methods that later RFCs registered. */
export const IDEMPOTENT: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY', 'PROPFIND', 'SEARCH', 'REPORT']

/** Answers with which a server, or the gateway in front of it, says that it did not do the work (RFC 9110 §15.6.3–5). */
export const RETRYABLE_STATUS: readonly number[] = [502, 503, 504]

/**
 * The safe rule. Never on the wire: any request may move on. Sent: only one whose repeat does no harm and whose
 * body is still at hand. Partly passed on, or nobody left to answer: never.
 *
 * @param methods whose repeat does no harm
 * @param statuses answers with which another target is asked
 */
export function retryRule (methods: readonly string[], statuses: readonly number[]): Retry {
  const repeatable = new Set(methods)
  const retryable = new Set(statuses)
  const mayRepeat = (sent: Sent): boolean => sent.replayable && (repeatable.has(sent.method) || sent.idempotencyKey)
  const rule: Retry = (outcome, sent) => {
    switch (outcome.kind) {
      case 'unsent': return true
      case 'failed': return mayRepeat(sent)
      case 'answered': return retryable.has(outcome.status) && mayRepeat(sent)
      case 'broken':
      case 'aborted': return false
    }
  }
  rule.explain = (outcome, sent) => {
    if (outcome.kind === 'unsent') return undefined
    if (outcome.kind === 'broken' || outcome.kind === 'aborted') return outcome.kind
    if (outcome.kind === 'answered' && !retryable.has(outcome.status)) return 'final'
    if (!repeatable.has(sent.method) && !sent.idempotencyKey) return 'not_idempotent'
    return sent.replayable ? undefined : 'body_gone'
  }
  return rule
}

export const safeRetry: Retry = retryRule(IDEMPOTENT, RETRYABLE_STATUS)

/**
 * Milliseconds to wait before a further attempt, drawn evenly from 0 to the limit ("full jitter", Brooker, "Exponential
 * Backoff and Jitter", 2015). The limit doubles with each attempt.
 *
 * @param attempt 1 for the first further attempt
 * @param random a number in [0, 1)
 */
export function backoff (attempt: number, { base, max }: { readonly base: number, readonly max: number }, random: number): number {
  return random * Math.min(max, base * 2 ** (attempt - 1))
}
