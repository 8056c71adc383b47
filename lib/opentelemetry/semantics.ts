import type { Attributes } from '@opentelemetry/api'
import type { Outcome } from '../outcome.js'
import type { Target } from '../target.js'

/** Methods that the conventions name; all others are one, so that nobody can make up any number of them. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY'])

/** Bounds in seconds that the conventions recommend for durations of HTTP. */
export const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

export function methodOf (method: string): string {
  return METHODS.has(method) ? method : '_OTHER'
}

/** `{method} {route}` */
export function spanName (method: string, route?: string): string {
  const verb = METHODS.has(method) ? method : 'HTTP'
  return route === undefined ? verb : `${verb} ${route}`
}

/** What the conventions want to know besides of a method that they do not name. */
export function addOriginalMethod (attributes: Attributes, method: string): void {
  if (!METHODS.has(method)) attributes['http.request.method_original'] = method
}

/** What came of a request or an attempt. */
export function addResult (attributes: Attributes, status: number | undefined, error: string | undefined): Attributes {
  if (status !== undefined) attributes['http.response.status_code'] = status
  if (error !== undefined) attributes['error.type'] = error
  return attributes
}

/** What is the same for every attempt on a target. */
export interface Peer {
  readonly address: string
  readonly port: number
  readonly scheme: string
}

const peers = new WeakMap<Target, Peer>()

export function peerOf (target: Target): Peer {
  let peer = peers.get(target)
  if (peer === undefined) {
    const { protocol, hostname, port } = new URL(target.origin)
    const scheme = protocol.slice(0, -1)
    peer = { address: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (scheme === 'https' ? 443 : 80) : Number(port), scheme }
    peers.set(target, peer)
  }
  return peer
}

/** Why an attempt went wrong, of few values; undefined when it did not, or nobody waited for it any more. */
export function errorType (outcome: Outcome): string | undefined {
  if (outcome.kind === 'answered') return outcome.status >= 400 ? String(outcome.status) : undefined
  if (outcome.kind === 'aborted') return undefined
  const { code } = outcome.error as NodeJS.ErrnoException
  return typeof code === 'string' && /^[A-Z][A-Z\d_]{1,60}$/.test(code) ? code : outcome.kind
}
