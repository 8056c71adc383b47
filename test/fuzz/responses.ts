/** Responses as upstreams may send them, and what a client is to see of each. */
import fc from 'fast-check'
import type { Field } from '../kit/raw-parse.js'
import { blanks, body, bytesOf, chunked, chunking, combined, cuts, nominated, otherName, trimmed, value, type Body, type Chunking } from './bytes.js'

export interface GeneratedResponse {
  readonly status: number
  readonly reason: string
  readonly interims: ReadonlyArray<{ readonly status: number, readonly fields: readonly Field[] }>
  readonly fields: readonly Field[]
  readonly blank: string
  readonly body: Body
  readonly framing: 'length' | 'chunked' | 'close'
  readonly chunking: Chunking
  /** HTTP/1.0. */
  readonly old: boolean
  readonly cuts: readonly number[]
}

const LISTS = ['Set-Cookie', 'Cache-Control', 'Vary', 'Link', 'Warning', 'WWW-Authenticate', 'Via']
const SINGLE = ['ETag', 'Server', 'Date', 'Age', 'Expires', 'Content-Encoding', 'Retry-After', 'Access-Control-Allow-Origin']
const HOP_BY_HOP = ['Keep-Alive', 'Proxy-Connection', 'Proxy-Authenticate', 'Upgrade', 'TE', 'Trailer']

const field: fc.Arbitrary<Field> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.oneof({ weight: 9, arbitrary: otherName }, { weight: 1, arbitrary: fc.constant('__proto__') }), value) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...LISTS, ...SINGLE), value) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('Content-Type'), fc.constantFrom('text/plain', 'application/json', 'text/event-stream')) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...HOP_BY_HOP), value) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('Location'), fc.constantFrom('https://example.com/x', 'x', '//example.com/', '?q')) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('Connection', 'connection'),
      fc.array(fc.constantFrom('keep-alive', 'close', 'X-A', 'x-b', 'Set-Cookie', 'Content-Length', 'Content-Type', 'Transfer-Encoding', 'X-Token', ''), { minLength: 1, maxLength: 3 }).map(names => names.join(', '))
    )
  }
)

const status = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(200, 200, 200, 201, 204, 205, 206, 301, 304, 400, 401, 404, 429, 500, 502, 503, 504) },
  { weight: 1, arbitrary: fc.integer({ min: 200, max: 599 }) }
)

export const response: fc.Arbitrary<GeneratedResponse> = fc.record({
  status,
  reason: value,
  interims: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, {
    weight: 1,
    arbitrary: fc.array(fc.record({ status: fc.constantFrom(100, 102, 103, 103, 150), fields: fc.array(fc.tuple(fc.constantFrom('Link', 'X-A'), fc.constantFrom('</a>; rel=preload', 'b')), { maxLength: 2 }) }), { maxLength: 3 })
  }),
  fields: fc.array(field, { maxLength: 7 }).map(withoutRepeats),
  blank: blanks,
  body,
  framing: fc.constantFrom('length', 'length', 'chunked', 'chunked', 'close'),
  chunking,
  old: fc.nat(19).map(n => n === 0),
  cuts
})

function withoutRepeats (fields: Field[]): Field[] {
  const single = new Set([...SINGLE, 'Content-Type', 'Location', 'Trailer'].map(name => name.toLowerCase()))
  return fields.filter(([name], i) => !single.has(name.toLowerCase()) || fields.findIndex(([other]) => other.toLowerCase() === name.toLowerCase()) === i)
}

/** Whether an answer has no body, whatever its fields say. */
export function isBodyless (method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/** A response as bytes, and whether its end is told by that of the connection, or the connection ends with it. */
export function written ({ status, reason, interims, fields, blank, body, framing, chunking, old }: GeneratedResponse, method: string, token: string): { text: string, closes: boolean, told: boolean } {
  const content = bytesOf(body)
  // An old server knows no chunks, and 204 has nothing that would need framing.
  const framed = old && framing === 'chunked' ? 'length' : framing
  const framings = status === 204 || (status === 304 && framed === 'chunked') ? [] : framed === 'chunked' ? ['Transfer-Encoding: chunked\r\n'] : framed === 'length' ? [`Content-Length: ${content.length}\r\n`] : []
  const lines = [['X-Token', token] as const, ...fields].map(([name, text]) => `${name}:${blank}${text}${trimmed(text) === '' ? '' : blank}\r\n`)
  const before = old ? '' : interims.map(({ status, fields }) => `HTTP/1.1 ${status} Interim\r\n${fields.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n`).join('')
  const bodyless = isBodyless(method, status)
  const sent = bodyless ? '' : framed === 'chunked' ? chunked(content, chunking) : content
  const closes = old || nominated(fields).includes('close') || (framed === 'close' && !bodyless)
  return {
    text: `${before}HTTP/1.${old ? 0 : 1} ${status} ${reason}\r\n${lines.join('')}${framings.join('')}\r\n${sent}`,
    closes,
    told: bodyless || framed !== 'close'
  }
}

/** Fields that the gateway sets itself, or that say how a message is framed; and one that Fastify has no place for. */
const OWN = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', '__proto__'])
const DROPPED = new Set(HOP_BY_HOP.map(name => name.toLowerCase()))

/** What the client is to get: nominated fields are gone, whatever they are. */
export function expectedFields ({ fields }: GeneratedResponse, token: string): Record<string, string> {
  return combined([['X-Token', token], ...fields], new Set([...OWN, ...DROPPED, ...nominated(fields)]))
}

/** The fields that came through, in the same form; `date` is the gateway's own unless the upstream had one. */
export function endToEnd (fields: readonly Field[], expected: Readonly<Record<string, string>>): Record<string, string> {
  return combined(fields, new Set([...OWN, 'trailer', ...(expected['date'] === undefined ? ['date'] : [])]))
}
