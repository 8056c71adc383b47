import type { AttemptRecord, Why } from './outcome.js'

/** An attempt that begins. The same object is given to `attempted` and to `settled`. */
export interface AttemptStart {
  /** Name of the pool. */
  readonly pool: string
  /** The FastifyRequest that is forwarded; undefined for requests that code makes of the pool. */
  readonly request: unknown
  readonly method: string
  /** What is asked for, without the target's base path and without the query, which may have secrets in it. */
  readonly path: string
  /** 1 for the first attempt of its request. */
  readonly number: number
  readonly why: Why
}

/** How a request ended, in one word that does not change from version to version. */
export type ReasonCode =
  /** A target's answer was passed on, whatever its status. */
  | 'answered'
  /** The first target asked did not do, and a further attempt, or a hedge, brought an answer below 500. */
  | 'answered_elsewhere'
  /** Nobody to ask. */
  | 'no_target'
  | 'queue_full'
  | 'queue_timeout'
  | 'too_many_streams'
  /** No connection to a target could be made. */
  | 'unsent'
  /** Sent, and no valid answer came. */
  | 'failed'
  /** The answer broke off when part of it had been passed on. */
  | 'broken'
  /** A target took too long: to accept a connection, to answer, or between two pieces of its answer. */
  | 'timeout'
  /** The time for the whole request was over: `timeouts.total`, or the client's deadline. */
  | 'deadline'
  /** Whoever asked has gone. */
  | 'client_gone'
  /** The app is closing. */
  | 'pool_closed'
  /** The request has something that can not be sent. */
  | 'bad_request'
  /** Code of the app's own failed: a policy, a rule, a hook of the answer. */
  | 'error'

/** A request of a pool that is over. */
export interface ExchangeEnd {
  /** Name of the pool. */
  readonly pool: string
  /** The FastifyRequest that is forwarded; undefined for requests that code makes of the pool. */
  readonly request: unknown
  readonly method: string
  /** What is asked for, without the target's base path and without the query. */
  readonly path: string
  /** What the client is answered with, 499 when it has gone; undefined when that is not known. */
  readonly status: number | undefined
  readonly code: ReasonCode
  /** Why it was not answered, or why its answer broke off. */
  readonly error: Error | undefined
  /** Milliseconds from the request to the end of its answer. */
  readonly ms: number
  /** Milliseconds of them in the queue. */
  readonly waited: number
  /** URL of the target whose answer was passed on. */
  readonly target: string | undefined
  readonly attempts: readonly AttemptRecord[]
}

/** Who made a request and wants to know what became of it. */
export interface EndListener {
  /** Asked first, so that nothing is put together for nobody. */
  wantsEnd (error: Error | undefined): boolean
  ended (end: ExchangeEnd): void
}

const CODES: Readonly<Record<string, ReasonCode>> = {
  FST_BALANCER_NO_TARGET: 'no_target',
  FST_BALANCER_QUEUE_FULL: 'queue_full',
  FST_BALANCER_QUEUE_TIMEOUT: 'queue_timeout',
  FST_BALANCER_TOO_MANY_STREAMS: 'too_many_streams',
  FST_BALANCER_POOL_CLOSED: 'pool_closed',
  FST_BALANCER_UNREACHABLE: 'unsent',
  FST_BALANCER_FAILED: 'failed',
  FST_BALANCER_BROKEN: 'broken',
  FST_BALANCER_CONNECT_TIMEOUT: 'timeout',
  FST_BALANCER_HEADERS_TIMEOUT: 'timeout',
  FST_BALANCER_IDLE_TIMEOUT: 'timeout',
  FST_BALANCER_DEADLINE: 'deadline',
  FST_BALANCER_BAD_REQUEST: 'bad_request',
  FST_BALANCER_CLIENT_GONE: 'client_gone'
}

/** What an error that ended a request stands for. */
export function reasonOf (error: Error): ReasonCode {
  const { code } = error as NodeJS.ErrnoException
  return (typeof code === 'string' && Object.hasOwn(CODES, code) ? CODES[code] : undefined) ?? 'error'
}

/** A path without its query. */
export function withoutQuery (path: unknown): string {
  const text = String(path)
  const query = text.indexOf('?')
  return query === -1 ? text : text.slice(0, query)
}
