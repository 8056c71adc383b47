/** Requests as clients may send them, and what an upstream is to see of each. */
import fc from 'fast-check'
import type { Field } from '../kit/raw-parse.js'
import { blanks, body, bytesOf, chunked, chunking, combined, cuts, nominated, otherName, trimmed, value, type Body, type Chunking } from './bytes.js'

export interface GeneratedRequest {
  readonly method: string
  /** Below the route's prefix. */
  readonly path: { readonly segments: readonly string[], readonly query: string | undefined, readonly absolute: boolean }
  readonly fields: readonly Field[]
  readonly blank: string
  readonly body: Body | undefined
  /** How the body is framed: by its length unless chunked. */
  readonly chunking: Chunking | undefined
  /** `Expect: 100-continue`, and whether it is waited for. */
  readonly expect: 'no' | 'hasty' | 'patient'
  readonly old: boolean
}

const segment = fc.oneof(
  { weight: 8, arbitrary: fc.stringMatching(/^[a-z][A-Za-z0-9._~!$&'()*+,;=:@-]{0,6}$/) },
  { weight: 4, arbitrary: fc.constantFrom('', 'a%2Fb', '%C3%A9', '%20', 'a%00', '%2e', '.', '...', '..a', 'a..', '%25', 'a"<>[]^`{|}', 'con|x', '%e2%82%AC') }
)

/** Segments that climb out of a route. */
const CLIMBING = ['..', '%2e%2E', '.%2e', 'a%2f..', '..;x', '..%5c']

const path = fc.record({
  segments: fc.oneof(
    { weight: 40, arbitrary: fc.array(segment, { minLength: 1, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom('x', 'x/y'), fc.constantFrom(...CLIMBING)).map(([before, climbing]) => [before, climbing, 'z']) }
  ),
  query: fc.option(fc.stringMatching(/^[A-Za-z0-9/?=&%+"<>[\]{|}:;,.~-]{0,12}$/), { nil: undefined }),
  absolute: fc.nat(19).map(n => n === 0)
})

const LISTS = ['Accept', 'Cookie', 'Via', 'X-Forwarded-For', 'If-None-Match', 'Cache-Control']
/** Of these Node keeps the first. */
const SINGLE = ['User-Agent', 'Authorization', 'Referer', 'Max-Forwards', 'If-Modified-Since', 'From', 'Origin', 'Range', 'Idempotency-Key']
const HOP_BY_HOP = ['Keep-Alive', 'Proxy-Connection', 'Proxy-Authorization', 'Upgrade', 'Trailer', 'HTTP2-Settings']

const field: fc.Arbitrary<Field> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(otherName, value) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...LISTS, ...SINGLE), value) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...HOP_BY_HOP), value) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('TE'), fc.constantFrom('trailers', 'gzip, trailers', 'gzip;q=0.5')) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('Content-Type', 'content-type'), fc.constantFrom('text/plain', 'application/json', 'a/b; charset="x"')) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constantFrom('Connection', 'connection', 'CONNECTION'),
      fc.array(fc.constantFrom('keep-alive', 'X-A', 'x-b', 'Cookie', 'Host', 'Content-Length', 'Transfer-Encoding', 'Via', 'X-Forwarded-For', 'X-Connection', 'TE', 'Upgrade', 'constructor', ''), { minLength: 1, maxLength: 3 })
        .map(names => names.join(', '))
    )
  }
)

export const request: fc.Arbitrary<GeneratedRequest> = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'POST'),
  path,
  fields: fc.array(field, { maxLength: 6 }).map(withoutRepeats),
  blank: blanks,
  body: fc.option(body, { nil: undefined }),
  chunking: fc.option(chunking, { nil: undefined }),
  expect: fc.constantFrom('no', 'no', 'no', 'hasty', 'patient'),
  old: fc.nat(29).map(n => n === 0)
})

function withoutRepeats (fields: Field[]): Field[] {
  const single = new Set([...SINGLE, 'Content-Type', 'TE'].map(name => name.toLowerCase()))
  return fields.filter(([name], i) => !single.has(name.toLowerCase()) || fields.findIndex(([other]) => other.toLowerCase() === name.toLowerCase()) === i)
}

export interface Conversation {
  readonly requests: readonly GeneratedRequest[]
  readonly pipelined: boolean
  readonly cuts: readonly number[]
}

export const conversation: fc.Arbitrary<Conversation> = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 8, size: 'max' }), pipelined: fc.boolean(), cuts
}).map(({ requests, pipelined, cuts }) => ({
  // Node loses what comes in the same packet behind a request to upgrade that nobody takes.
  requests, pipelined: pipelined && !requests.some(({ fields }) => nominated(fields).includes('upgrade')), cuts
}))

/** A request as bytes, and what it asks for: the `index` goes with it, in a field of its own. */
export function written (generated: GeneratedRequest, index: number): { head: string, content: string, expects: boolean } {
  const { method, path, fields, blank, body, chunking, expect, old } = generated
  const expects = expect !== 'no' && body !== undefined && body.size > 0 && !old
  const all: Field[] = [['Host', 'gateway.example'], ['X-Exchange', String(index)], ...fields]
  if (expects) all.push(['Expect', '100-continue'])
  const inChunks = chunking !== undefined && !old
  // Node refuses a tab behind a length.
  const framing = body === undefined ? '' : inChunks ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${body.size}\r\n`
  const target = `${path.absolute ? 'http://gateway.example' : ''}/f/${path.segments.join('/')}${path.query === undefined ? '' : `?${path.query}`}`
  const lines = all.map(([name, text]) => `${name}:${blank}${text}${trimmed(text) === '' ? '' : blank}\r\n`)
  const content = body === undefined ? '' : inChunks ? chunked(bytesOf(body), chunking) : bytesOf(body)
  return { head: `${method} ${target} HTTP/1.${old ? '0' : '1'}\r\n${lines.join('')}${framing}\r\n`, content, expects }
}

/** Fields that the gateway sets itself, or that say how a message is framed. */
const OWN = new Set(['host', 'via', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'x-connection', 'te', 'content-length', 'transfer-encoding'])
const DROPPED = new Set(['connection', 'expect', ...HOP_BY_HOP.map(name => name.toLowerCase())])

export interface Expected {
  /** Undefined when the gateway has to refuse the path. */
  readonly target: string | undefined
  readonly fields: Record<string, string>
  readonly body: string
}

export function expected ({ path, fields, body }: GeneratedRequest, index: number): Expected {
  const climbs = path.segments.some(segment => CLIMBING.includes(segment))
  const target = `/${path.segments.join('/')}${path.query === undefined ? '' : `?${path.query}`}`
  return {
    target: climbs ? undefined : target,
    fields: combined([['x-exchange', String(index)], ...fields], new Set([...OWN, ...DROPPED, ...nominated(fields)])),
    body: body === undefined ? '' : bytesOf(body)
  }
}

/** The fields that came through, in the same form. */
export function endToEnd (fields: readonly Field[]): Record<string, string> {
  return combined(fields, new Set([...OWN, 'connection']))
}
