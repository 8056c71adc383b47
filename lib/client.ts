/** What the gateway knows of its client. Fastify decides, by `trustProxy`, how much of it the client itself may say. */
import type { FastifyRequest } from 'fastify'
import { isAsSent, sentFields, type ForwardedFacts } from './headers.js'

/** @param forwarded whether the facts are to be written as `Forwarded` too */
export function forwardedFacts (request: FastifyRequest, forwarded: boolean): ForwardedFacts {
  const { headers, protocol: proto } = request
  const peer = plainAddress(request.raw.socket.remoteAddress)
  const host = request.host === '' ? undefined : request.host
  const said = headers['x-forwarded-for'] !== undefined || headers['x-forwarded-port'] !== undefined || headers.forwarded !== undefined
  const trusted = said && isTrusted(request)
  const before = trusted && headers['x-forwarded-for'] !== '' ? headers['x-forwarded-for'] : undefined
  return {
    for: before === undefined ? peer : peer === undefined ? String(before) : `${String(before)}, ${peer}`,
    proto,
    host,
    port: (trusted ? /^\d+$/.exec(String(headers['x-forwarded-port']))?.[0] : undefined) ??
      portOf(host) ?? (proto === 'https' ? '443' : '80'),
    forwarded: headers.forwarded === undefined && !forwarded
      ? undefined
      : forwardedField(earlierHops(request, trusted), forwarded ? forwardedElement(peer, host, proto) : undefined)
  }
}

function portOf (host: string | undefined): string | undefined {
  // Most hosts name none, and those of IPv6 always have a colon.
  return host?.includes(':') === true ? /:(\d+)$/.exec(host)?.[1] : undefined
}

/** The `Forwarded` that came, when it may be believed: of a trusted peer, or written by one of the app's hooks. */
function earlierHops ({ headers: { forwarded }, raw }: FastifyRequest, trusted: boolean): string | undefined {
  return forwarded !== undefined && (trusted || !isAsSent('forwarded', forwarded, sentFields(raw.rawHeaders))) ? forwarded : undefined
}

function forwardedField (before: string | undefined, element: string | undefined): string | undefined {
  // A quoted string that is left open would swallow what is appended.
  const list = element === undefined || /^(?:[^"]|"(?:[^"\\]|\\.)*")*$/.test(before ?? '') ? [before, element] : [element]
  return list.filter(part => part !== undefined && part !== '').join(', ') || undefined
}

/**
 * One hop as an element of `Forwarded` (RFC 7239 §4).
 *
 * @param peer address of the client; undefined when it has none, on a Unix socket
 */
export function forwardedElement (peer: string | undefined, host: string | undefined, proto: string): string {
  const node = peer === undefined ? 'unknown' : peer.includes(':') ? `[${peer.split('%', 1)[0]}]` : peer
  return [['for', node], ['host', host], ['proto', proto]].flatMap(([name, value]) => value === undefined || value === '' ? [] : `${name}=${quoted(value)}`).join(';')
}

/** As a token where that is possible, otherwise as a quoted string (RFC 9110 §5.6.4). */
function quoted (value: string): string {
  return /^[!#$%&'*+.^_`|~\dA-Z-]+$/i.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`
}

/**
 * Whether `trustProxy` trusts the peer. Fastify does not say so itself; it shows in whether it would believe one more address.
 * Without the option there are no `ips`.
 */
function isTrusted (request: FastifyRequest): boolean {
  if (request.ips === undefined) return false
  if (request.ips.length > 1) return true
  const asked = Object.create(request, { raw: { value: { headers: { 'x-forwarded-for': 'unknown' }, socket: request.raw.socket } } }) as FastifyRequest
  return asked.ips !== undefined && asked.ips.length > 1
}

/** An address as it is written in `X-Forwarded-For`: IPv4 that arrived on an IPv6 socket is IPv4 (RFC 4291 §2.5.5.2). */
export function plainAddress (address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') === true && address.includes('.') ? address.slice(7) : address
}
