/** Pure functions over header fields: what may pass a gateway, and what it adds. */
import type { Dispatcher } from 'undici'
import { begins, fieldName, isNamed, latin1 } from './field-names.js'

/** A message header as undici hands it over: name, value, name, value, … */
export type RawHeaders = readonly Buffer[]

/** Header fields by lower-case name, in the shape that Fastify's `reply.headers()` takes. */
export type HeaderRecord = Record<string, string | string[]>

/**
 * Fields that belong to one connection and never travel through a gateway (RFC 9110 §7.6.1), with the ones that
 * older software still sends. `expect` is answered by this hop; undici refuses to send it.
 */
const HOP_BY_HOP_REQUEST = new Set([
  'connection', 'expect', 'http2-settings', 'keep-alive', 'proxy-authorization', 'proxy-connection',
  'trailer', 'transfer-encoding', 'upgrade'
])

/** And an explanation of how an upstream has balanced, which names its own upstreams; and `__proto__`, which would set the prototype of the ordinary object that Fastify keeps the fields of an answer in. */
const DROPPED_RESPONSE = new Set([
  '__proto__', 'x-balancer-explanation', 'connection', 'keep-alive', 'proxy-authenticate', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'
])

/** What the gateway says of the client. An absent field is left out, and the client's own is dropped all the same. */
export interface ForwardedFacts {
  readonly for: string | undefined
  readonly proto: string
  readonly host: string | undefined
  readonly port: string | undefined
  /** Value of `Forwarded`, with what earlier hops have said if they may be believed. */
  readonly forwarded: string | undefined
}

const FORWARDED_NAMES = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'forwarded'])

/** A client asks this gateway for an explanation with the one, and gets it in the other: neither is anything to an upstream. */
export const ASKING_FIELD = 'x-balancer-explain'
export const EXPLANATION_FIELD = 'x-balancer-explanation'

/** What a client says of these is never sent on as it is. */
const DROPPED_REQUEST: ReadonlySet<string> = new Set([...HOP_BY_HOP_REQUEST, ...FORWARDED_NAMES, ASKING_FIELD, 'host'])

/** Fields that are the gateway's to write, and that it must not send in another spelling either. */
export const RESERVED: ReadonlySet<string> = new Set([...HOP_BY_HOP_REQUEST, ...FORWARDED_NAMES, 'content-length', 'te'])

/**
 * The fields to send upstream.
 *
 * `host` is only among them when it is to be the client's own: left out, each target gets its own.
 *
 * @param settle called, once at most, when a name has a `_`: to take out in place what is not to be sent
 */
export function requestHeaders (
  client: Readonly<Record<string, string | string[] | undefined>>,
  { facts, host, via }: { facts: ForwardedFacts, host: string | undefined, via: string | undefined },
  settle?: (headers: HeaderRecord) => void
): HeaderRecord {
  const headers = new Fields()
  let underscored = false
  if (host !== undefined) headers['host'] = host
  for (const name of Object.keys(client)) {
    const value = client[name]
    if (value === undefined || DROPPED_REQUEST.has(name) || name.charCodeAt(0) === COLON) continue
    if (name.includes('_')) underscored = true
    headers[name] = value
  }
  // The one value of TE with a meaning past this hop: "I understand trailers" (RFC 9110 §10.1.4).
  if (headers['te'] !== undefined) {
    if (/(?:^|,)\s*trailers\s*(?:,|$)/i.test(String(headers['te']))) headers['te'] = 'trailers'
    else delete headers['te']
  }
  if (underscored) settle?.(headers)
  if (via !== undefined) headers['via'] = headers['via'] === undefined ? via : `${String(headers['via'])}, ${via}`
  if (facts.for !== undefined) headers['x-forwarded-for'] = facts.for
  headers['x-forwarded-proto'] = facts.proto
  if (facts.host !== undefined) headers['x-forwarded-host'] = facts.host
  if (facts.port !== undefined) headers['x-forwarded-port'] = facts.port
  if (facts.forwarded !== undefined) headers['forwarded'] = facts.forwarded
  return headers
}

/** Header fields as they came on the wire, by lower-case name. */
export type SentFields = ReadonlyMap<string, readonly string[]>

/** @param raw names and values in turn */
export function sentFields (raw: readonly string[]): SentFields {
  const fields = new Map<string, string[]>()
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = String(raw[i]).toLowerCase()
    const values = fields.get(name)
    if (values === undefined) fields.set(name, [String(raw[i + 1])])
    else values.push(String(raw[i + 1]))
  }
  return fields
}

/** Whether a field has the value that came on the wire and not one of a hook. Node puts repeated ones together: the first one, or a list. */
export function isAsSent (name: string, value: string | string[] | undefined, fields: SentFields): boolean {
  const values = fields.get(name.toLowerCase())
  if (values === undefined) return false
  return [values[0], values.join(', '), values.join('; ')].includes(Array.isArray(value) ? value.join(', ') : value)
}

/**
 * Gives back, in place, what the app's hooks have written into a request and a client's `Connection` took out again:
 * a client names fields of its own (RFC 9110 §7.6.1), and must not decide about those that identify it to the upstream.
 */
export function restoreAdded (
  headers: HeaderRecord,
  { headers: given, rawHeaders }: { readonly headers: Readonly<Record<string, string | string[] | undefined>>, readonly rawHeaders: readonly string[] }
): void {
  const { connection } = given
  if (connection === undefined) return
  let fields: SentFields | undefined
  for (const name of listOf(String(connection))) {
    if (!Object.hasOwn(given, name) || Object.hasOwn(headers, name)) continue
    const value = given[name]
    if (value !== undefined && !isAsSent(name, value, fields ??= sentFields(rawHeaders))) headers[name] = value
  }
}

/** Whether a request names its host more than once. Node takes the first; another server may take the last (RFC 9112 §3.2). */
export function repeatsHost (raw: readonly string[]): boolean {
  let seen = false
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue
    if (seen) return true
    seen = true
  }
  return false
}

/** Takes out, in place, what a request must not carry whoever put it there; undici refuses to send most of it. */
export function dropHopByHop (headers: HeaderRecord): void {
  for (const name of Object.keys(headers)) if (HOP_BY_HOP_REQUEST.has(name.toLowerCase())) delete headers[name]
}

/**
 * An object that inherits nothing, so that a field may be called `constructor`. `Object.create(null)` would do, but V8 makes a
 * hash table of it, which takes several times longer to fill and to read.
 */
const Fields = function () {} as unknown as new () => HeaderRecord
Fields.prototype = Object.create(null)

/** First character of HTTP/2's pseudo-header fields. */
const COLON = 58

/** The fields to pass on to the client: hop-by-hop ones and those that `Connection` names are gone. */
export function responseHeaders (raw: RawHeaders): HeaderRecord {
  const headers = new Fields()
  let nominated: string | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = fieldName(raw[i])
    const dropped = DROPPED_RESPONSE.has(name)
    if (dropped && name !== 'connection') continue
    const value = latin1(raw[i + 1])
    if (dropped) {
      nominated = nominated === undefined ? value : `${nominated},${value}`
      continue
    }
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else if (Array.isArray(before)) before.push(value)
    else headers[name] = [before, value]
  }
  // What nearly all say names a field that is gone already.
  if (nominated !== undefined && nominated !== 'keep-alive') {
    for (const name of listOf(nominated)) if (headers[name] !== undefined) delete headers[name]
  }
  return headers
}

function listOf (value: string): string[] {
  return value.toLowerCase().split(',').map(item => item.trim()).filter(item => item !== '')
}

/** The announced length of a body in bytes, or -1 when there is none to rely on. */
export function contentLength (raw: RawHeaders): number {
  const value = rawField(raw, 'content-length')
  if (value === undefined || value.length === 0 || value.length > 15) return -1
  let length = 0
  for (const digit of value) {
    if (digit < 0x30 || digit > 0x39) return -1
    length = length * 10 + digit - 0x30
  }
  return length
}

/** The value of the first field with this lower-case name. */
export function rawValue (raw: RawHeaders, name: string): string | undefined {
  const value = rawField(raw, name)
  return value === undefined ? undefined : latin1(value)
}

/** The same as bytes: to look at a field costs less than to make a text of it. */
function rawField (raw: RawHeaders, name: string): Buffer | undefined {
  for (let i = 0; i + 1 < raw.length; i += 2) if (isNamed(raw[i], name)) return raw[i + 1]
  return undefined
}

/** Whether a body has been coded in a way that the next hop would not be told of: only `chunked` is taken off on the way. */
export function hasUnknownCoding (raw: RawHeaders): boolean {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (isNamed(raw[i], 'transfer-encoding') && !isNamed(raw[i + 1], 'chunked')) return true
  }
  return false
}

/** Whether a body is a stream of server-sent events, whatever the parameters of its type. */
export function isEventStream (raw: RawHeaders): boolean {
  const type = rawField(raw, 'content-type')
  return type !== undefined && begins(type, 'text/event-stream') && /^text\/event-stream\s*(?:;|$)/i.test(latin1(type))
}

/** The value of the first cookie with this name, undecoded. */
export function cookieValue (header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at !== -1 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

/** Several values of a list field, such as `Vary`, as one without repetitions. */
export function mergedLists (...values: ReadonlyArray<string | number | string[]>): string {
  const items = values.flat().flatMap(value => String(value).split(',')).map(item => item.trim()).filter(item => item !== '')
  return [...new Map(items.map(item => [item.toLowerCase(), item])).values()].join(', ')
}

/** Headers as undici takes them, in a form that can be read more than once. */
export type RequestHeaders = Exclude<Dispatcher.DispatchOptions['headers'], Iterable<[string, string | string[] | undefined]>> | string[]

/** Iterables (a `Headers`, a `Map`) as a flat list; lists and objects as they are. */
export function flatHeaders (headers: Dispatcher.DispatchOptions['headers']): RequestHeaders {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers) || !(Symbol.iterator in headers)) return headers as RequestHeaders
  const list: Array<string | string[]> = []
  for (const [name, value] of headers as Iterable<[string, string | string[] | undefined]>) {
    if (value !== undefined) list.push(name, value)
  }
  // undici takes a list as a value here too, its types only say so for objects.
  return list as string[]
}

/** Whether there is a field with this lower-case name. */
export function hasHeader (headers: RequestHeaders, name: string): boolean {
  if (headers === null || headers === undefined) return false
  if (Array.isArray(headers)) return headers.some((field, i) => i % 2 === 0 && field.length === name.length && field.toLowerCase() === name)
  return Object.entries(headers).some(([field, value]) => value !== undefined && field.toLowerCase() === name)
}

/** The value of the field with this lower-case name, the first one of several. */
export function headerValue (headers: RequestHeaders, name: string): string | undefined {
  if (headers === null || headers === undefined) return undefined
  if (Array.isArray(headers)) {
    for (let i = 0; i + 1 < headers.length; i += 2) if (headers[i]?.toLowerCase() === name) return String(headers[i + 1])
    return undefined
  }
  for (const field of Object.keys(headers)) if (field.length === name.length && field.toLowerCase() === name) return String(headers[field] ?? '')
  return undefined
}

/** The same fields with this one, in lower case, in place of any of its name. */
export function withHeader (headers: RequestHeaders, name: string, value: string): RequestHeaders {
  if (Array.isArray(headers)) {
    const others = headers.filter((_, i) => headers[i - i % 2]?.toLowerCase() !== name)
    return [...others, name, value]
  }
  const others = Object.entries(headers ?? {}).filter(([field]) => field.toLowerCase() !== name)
  return Object.fromEntries([...others, [name, value]])
}
