import { inspect } from 'node:util'
import createError from '@fastify/error'
import type { Outcome } from './outcome.js'

/**
 * Every error that this plugin raises, with its code and its HTTP status.
 *
 * No message of a gateway error names an upstream: it goes to the client. What went wrong is in `cause`,
 * which Fastify logs and never serializes.
 */
export const BadOptionError = createError<[string]>('FST_BALANCER_BAD_OPTION', '%s', 500, TypeError)

export const NoTargetError = createError('FST_BALANCER_NO_TARGET', 'No upstream is available', 503)
export const QueueFullError = createError('FST_BALANCER_QUEUE_FULL', 'Too many requests are waiting for the upstream', 503)
export const QueueTimeoutError = createError('FST_BALANCER_QUEUE_TIMEOUT', 'No upstream became free in time', 503)
export const TooManyStreamsError = createError('FST_BALANCER_TOO_MANY_STREAMS', 'Too many streams are open', 503)
export const PoolClosedError = createError('FST_BALANCER_POOL_CLOSED', 'The gateway is closing', 503)
export const PolicyError = createError<[string, ErrorOptions?]>('FST_BALANCER_POLICY', 'The balancing policy failed: %s', 500)

export const UnreachableError = createError('FST_BALANCER_UNREACHABLE', 'No connection to the upstream could be made', 502)
export const FailedError = createError('FST_BALANCER_FAILED', 'The upstream closed the connection without a valid answer', 502)
export const BrokenError = createError('FST_BALANCER_BROKEN', 'The answer of the upstream broke off', 502)
export const ConnectTimeoutError = createError('FST_BALANCER_CONNECT_TIMEOUT', 'The upstream did not accept a connection in time', 504)
export const HeadersTimeoutError = createError('FST_BALANCER_HEADERS_TIMEOUT', 'The upstream did not answer in time', 504)
export const IdleTimeoutError = createError('FST_BALANCER_IDLE_TIMEOUT', 'The upstream stopped in the middle of its answer', 504)

export const DeadlineError = createError('FST_BALANCER_DEADLINE', 'The request could not be answered in time', 504)

export const BadPathError = createError('FST_BALANCER_BAD_PATH', 'The path leaves the route that it was sent to', 400)
export const AmbiguousPathError = createError('FST_BALANCER_AMBIGUOUS_PATH', 'The path can be read in more than one way', 400)
export const BadRequestError = createError('FST_BALANCER_BAD_REQUEST', 'The request can not be forwarded', 400)
export const TooManyFieldsError = createError('FST_BALANCER_TOO_MANY_FIELDS', 'The request has too many header fields', 431)
export const TransferCodingError = createError('FST_BALANCER_TRANSFER_CODING', 'The transfer coding of the request is not supported', 501)
export const AuthUnavailableError = createError('FST_BALANCER_AUTH_UNAVAILABLE', 'Whether the request may pass could not be found out', 503)
export const LimitUnavailableError = createError('FST_BALANCER_LIMIT_UNAVAILABLE', 'Whether there have been too many requests could not be found out', 503)
export const IdentityError = createError('FST_BALANCER_IDENTITY', 'The identity of the client can not be told to the upstream', 500)
/** Nobody is left to read it; 499 is the customary status for logs and metrics. */
export const ClientGoneError = createError('FST_BALANCER_CLIENT_GONE', 'The client closed the connection', 499)

export const ReloadRefusedError = createError<[string, ErrorOptions?]>('FST_BALANCER_RELOAD_REFUSED', 'The new configuration was refused, the old one holds: %s', 500)
export const NoWorkerError = createError<[string]>('FST_BALANCER_NO_WORKER', 'No worker could start: %s', 500)

/** An error with a status for the client. */
export type GatewayError = Error & { readonly code: string, readonly statusCode?: number }

/** What the client, or an aggregating handler, is told about an attempt that did not end well. */
export function toGatewayError (outcome: Exclude<Outcome, { kind: 'answered' }>): GatewayError {
  const { error } = outcome
  const options = { cause: error }
  switch (outcome.kind) {
    case 'unsent':
      if (codeOf(error) === 'UND_ERR_CONNECT_TIMEOUT') return ConnectTimeoutError(options)
      // The time for a try was over before there was a connection to send it on.
      return codeOf(error) === 'UND_ERR_HEADERS_TIMEOUT' ? HeadersTimeoutError(options) : UnreachableError(options)
    case 'failed':
    case 'broken':
      // A body that stops is told from headers that do not come, even while none of it has been passed on.
      if (codeOf(error) === 'UND_ERR_HEADERS_TIMEOUT') return HeadersTimeoutError(options)
      if (codeOf(error) === 'UND_ERR_BODY_TIMEOUT') return IdleTimeoutError(options)
      return outcome.kind === 'failed' ? FailedError(options) : BrokenError(options)
    case 'aborted': return isRefused(error) ? BadRequestError(options) : ClientGoneError(options)
  }
}

/** Whether undici turned the request itself down (a field that it will not write): every target would. */
export function isRefused (error: Error): boolean {
  const code = codeOf(error)
  return code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED'
}

function codeOf (error: Error): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

/** A value as it is quoted in a message, without what may be a password. */
export function show (value: unknown): string {
  if (typeof value === 'string') value = value.replace(/^(?:((?:[a-z][a-z\d+.-]*:)?\/\/).*|[^/]*:(?!\/\/).*)@/is, '$1***@')
  return inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 200 }).replace(/\/\/\S*@/g, '//***@')
}
