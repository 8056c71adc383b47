/**
 * HTTP/1.1 messages taken apart as RFC 9112 says and no laxer: what another parser might read differently is a Violation.
 * Texts are bytes here, one character each (latin1).
 */
export class Violation extends Error {}

export type Field = readonly [name: string, value: string]

interface Message {
  readonly version: string
  readonly fields: readonly Field[]
  readonly body: string
  readonly trailers: readonly Field[]
  /** How the end of the body was told. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
}

export interface RawRequest extends Message {
  readonly method: string
  readonly target: string
}

export interface RawResponse extends Message {
  readonly status: number
  readonly reason: string
  /** False when the connection ended before the body did. */
  readonly complete: boolean
}

/** A message and the index behind it; undefined while more of it has to come. */
export type Parsed<M> = { readonly message: M, readonly end: number } | undefined

const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/
const TEXT = /^[\t\x20-\x7e\x80-\xff]*$/
const METHODS = /^(?:DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT|QUERY|SEARCH|PROPFIND|TRACE)$/

/** All values of a field, by its name in any case. */
export function values (fields: readonly Field[], name: string): string[] {
  return fields.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
}

/** The next request from `at` on. */
export function parseRequest (text: string, at: number): Parsed<RawRequest> {
  const head = parseHead(text, at)
  if (head === undefined) return undefined
  const { line, fields } = head
  const [method = '', target = '', version = '', ...more] = line.split(' ')
  if (more.length > 0 || !/^HTTP\/1\.[01]$/.test(version)) throw new Violation(`request line: ${line}`)
  if (!METHODS.test(method)) throw new Violation(`method: ${method}`)
  if (!/^\/[\x21-\x7e]*$/.test(target) || /^[^?]*[\\#]/.test(target)) throw new Violation(`target: ${target}`)
  if (values(fields, 'host').length !== 1) throw new Violation(`${values(fields, 'host').length} Host fields`)
  const framing = framingOf(fields, version) ?? 'none'
  const body = parseBody(text, head.end, framing, fields)
  return body === undefined ? undefined : { message: { method, target, version, fields, framing, body: body.body, trailers: body.trailers }, end: body.end }
}

/**
 * The next response from `at` on, interim ones included.
 *
 * @param method what it answers
 * @param over whether the connection has ended
 */
export function parseResponse (text: string, at: number, method: string, over: boolean): Parsed<RawResponse> {
  const head = parseHead(text, at)
  if (head === undefined) return undefined
  const { line, fields } = head
  const [, version, code, reason] = /^(HTTP\/1\.[01]) (\d{3}) (.*)$/.exec(line) ?? []
  if (version === undefined || code === undefined || reason === undefined) throw new Violation(`status line: ${line}`)
  const status = Number(code)
  const bodyless = status < 200 || status === 204
  if (bodyless && ['content-length', 'transfer-encoding'].some(name => values(fields, name).length > 0)) throw new Violation(`${status} with a body's framing`)
  const announced = framingOf(fields, version)
  const framing = bodyless || status === 304 || method === 'HEAD' ? 'none' : announced ?? 'close'
  const made = (body: string, trailers: readonly Field[], end: number, complete: boolean): Parsed<RawResponse> =>
    ({ message: { status, reason, version, fields, framing, body, trailers, complete }, end })
  if (framing === 'close') return over ? made(text.slice(head.end), [], text.length, true) : undefined
  const body = parseBody(text, head.end, framing, fields)
  if (body !== undefined) return made(body.body, body.trailers, body.end, true)
  return over ? made(text.slice(head.end), [], text.length, false) : undefined
}

function parseHead (text: string, at: number): { line: string, fields: Field[], end: number } | undefined {
  const end = text.indexOf('\r\n\r\n', at)
  const head = text.slice(at, end === -1 ? undefined : end)
  // A CR at the very end may get its LF with the next piece.
  if (/(?<!\r)\n|\r(?!\n|$)/.test(head)) throw new Violation(`bare CR or LF: ${JSON.stringify(head.slice(0, 200))}`)
  if (end === -1) return undefined
  const [line = '', ...lines] = head.split('\r\n')
  if (!TEXT.test(line)) throw new Violation(`start line: ${JSON.stringify(line)}`)
  return { line, fields: lines.map(parseField), end: end + 4 }
}

function parseField (line: string): Field {
  const colon = line.indexOf(':')
  const name = line.slice(0, colon)
  const value = line.slice(colon + 1)
  if (colon === -1 || !TOKEN.test(name) || !TEXT.test(value)) throw new Violation(`field: ${JSON.stringify(line)}`)
  return [name, value.replace(/^[ \t]+|[ \t]+$/g, '')]
}

function framingOf (fields: readonly Field[], version: string): 'length' | 'chunked' | undefined {
  const lengths = values(fields, 'content-length')
  const codings = values(fields, 'transfer-encoding')
  if (lengths.length + codings.length > 1) throw new Violation(`length ${lengths.join(' and ')}, coding ${codings.join(' and ')}`)
  const [length] = lengths
  const [coding] = codings
  if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new Violation(`length ${length}`)
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || version !== 'HTTP/1.1')) throw new Violation(`coding ${coding} in ${version}`)
  if (coding !== undefined) return 'chunked'
  return length === undefined ? undefined : 'length'
}

function parseBody (
  text: string, at: number, framing: 'none' | 'length' | 'chunked', fields: readonly Field[]
): { body: string, trailers: Field[], end: number } | undefined {
  if (framing === 'none') return { body: '', trailers: [], end: at }
  if (framing === 'length') {
    const end = at + Number(values(fields, 'content-length')[0])
    return text.length < end ? undefined : { body: text.slice(at, end), trailers: [], end }
  }
  let body = ''
  for (;;) {
    const line = lineAt(text, at)
    if (line === undefined) return undefined
    // Extensions are allowed, but a gateway that chunks anew has none to send.
    if (!/^[\da-f]{1,8}$/i.test(line)) throw new Violation(`chunk size: ${JSON.stringify(line)}`)
    const size = parseInt(line, 16)
    at += line.length + 2
    if (size === 0) break
    if (text.length < at + size + 2) return undefined
    body += text.slice(at, at + size)
    at += size
    if (text.slice(at, at + 2) !== '\r\n') throw new Violation('no CRLF behind a chunk')
    at += 2
  }
  const trailers: Field[] = []
  for (;;) {
    const line = lineAt(text, at)
    if (line === undefined) return undefined
    at += line.length + 2
    if (line === '') return { body, trailers, end: at }
    trailers.push(parseField(line))
  }
}

function lineAt (text: string, at: number): string | undefined {
  const end = text.indexOf('\r\n', at)
  return end === -1 ? undefined : text.slice(at, end)
}
