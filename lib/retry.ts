import type { Outcome } from './outcome.js'

/** What has been sent so far of a request. */
export interface Sent {
  readonly method: string
  /** Whether the request carries an `Idempotency-Key`, its sender's word that a repeat does no harm. */
  readonly idempotencyKey: boolean
  /** Whether the whole body can be sent again: there is none, or every byte of it is still at hand. */
  readonly replayable: boolean
}

/** Whether a request may be sent to another target after `outcome`. */
export type Retry = (outcome: Outcome, sent: Sent) => boolean

/** Idempotent by RFC 9110 §9.2.2, and the safe methods that later RFCs registered. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY', 'PROPFIND', 'SEARCH', 'REPORT'])

/** Answers with which a server, or the gateway in front of it, says that it did not do the work (RFC 9110 §15.6.3–5). */
const RETRYABLE_STATUS = new Set([502, 503, 504])

/**
 * The safe rule. Never on the wire: any request may move on. Sent: only one whose repeat does no harm and whose
 * body is still at hand. Partly passed on, or nobody left to answer: never.
 */
export const safeRetry: Retry = (outcome, sent) => {
  switch (outcome.kind) {
    case 'unsent': return true
    case 'failed': return mayRepeat(sent)
    case 'answered': return RETRYABLE_STATUS.has(outcome.status) && mayRepeat(sent)
    case 'broken':
    case 'aborted': return false
  }
}

function mayRepeat (sent: Sent): boolean {
  return sent.replayable && (IDEMPOTENT.has(sent.method) || sent.idempotencyKey)
}
