/** What requests and responses are made of, as arbitraries: fields, bodies, pieces, mutations. Texts are bytes, one character each (latin1). */
import fc from 'fast-check'
import type { Field } from '../kit/raw-parse.js'

const TOKEN = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!#$%&\'*+^`|~']
/** What a field value may have: visible, blank and obs-text. */
const TEXT = [...Array.from({ length: 256 }, (_, i) => i)].filter(i => i === 9 || (i >= 32 && i !== 127)).map(i => String.fromCharCode(i))

function textOf (alphabet: readonly string[], minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...alphabet), { minLength, maxLength }).map(characters => characters.join(''))
}

/** A name that nobody gives a meaning to. */
export const otherName: fc.Arbitrary<string> = fc.oneof(
  textOf(TOKEN, 1, 8).map(text => `X-${text}`),
  fc.constantFrom('X-A', 'x-a', 'X-B', 'constructor', 'toString', 'hasOwnProperty', 'X_UNDER')
)

/** Without blanks around it, which are not part of a value. */
export const value: fc.Arbitrary<string> = textOf(TEXT, 0, 24).map(trimmed)

export function trimmed (text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '')
}

/** Blanks that may be around a value. */
export const blanks: fc.Arbitrary<string> = fc.constantFrom('', ' ', ' ', ' ', '\t', '  ')

/** Bytes that repeat only after a while and, at `smuggled`, look like a message of their own. */
export interface Body { readonly size: number, readonly seed: number, readonly smuggled: boolean }

const SMUGGLED = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nGET /f/smuggled HTTP/1.1\r\nHost: x\r\n\r\n0\r\n\r\nGET /f/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'

/** Mostly small, some around the limits of what is held back (16 KiB) and kept (64 KiB). */
export const body: fc.Arbitrary<Body> = fc.record({
  size: fc.oneof({ weight: 12, arbitrary: fc.nat(600) }, { weight: 1, arbitrary: fc.integer({ min: 16_300, max: 16_500 }) }, { weight: 1, arbitrary: fc.nat(90_000) }),
  seed: fc.nat(255),
  smuggled: fc.boolean()
})

export function bytesOf ({ size, seed, smuggled }: Body): string {
  if (smuggled) return SMUGGLED.repeat(Math.ceil(size / SMUGGLED.length)).slice(0, size)
  const bytes = Buffer.allocUnsafe(size)
  for (let i = 0; i < size; i++) bytes[i] = (seed + i * 7 + (i >> 8) * 13) & 0xff
  return bytes.toString('latin1')
}

export interface Chunking {
  /** Sizes of the chunks, taken in turn until the body ends. */
  readonly sizes: readonly number[]
  readonly extension: string
  readonly zeros: string
  readonly upper: boolean
  readonly trailers: readonly Field[]
}

export const chunking: fc.Arbitrary<Chunking> = fc.record({
  sizes: fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 100, max: 30_000 })), { minLength: 1, maxLength: 4 }),
  extension: fc.constantFrom('', '', '', ';a', ';a=b', ';a="q; \\" \t"', ';a=1;b=2'),
  zeros: fc.constantFrom('', '', '0', '000'),
  upper: fc.boolean(),
  trailers: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(fc.tuple(otherName, value), { maxLength: 2 }) })
})

export function chunked (text: string, { sizes, extension, zeros, upper, trailers }: Chunking): string {
  let out = ''
  for (let at = 0, i = 0; at < text.length; i++) {
    // A body in thousands of chunks of a byte would take the time of hundreds of exchanges.
    const chunk = text.slice(at, at + Math.max(sizes[i % sizes.length] ?? 1, text.length >> 6))
    at += chunk.length
    const size = zeros + chunk.length.toString(16)
    out += `${upper ? size.toUpperCase() : size}${extension}\r\n${chunk}\r\n`
  }
  return `${out}${zeros}0${extension}\r\n${trailers.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n`
}

/** Where bytes are cut for delivery, in thousandths of their length. */
export const cuts: fc.Arbitrary<number[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<number[]>([]) }, { weight: 3, arbitrary: fc.array(fc.nat(999), { maxLength: 4 }) }
)

export function piecesOf (text: string, cuts: readonly number[]): string[] {
  const at = [0, ...cuts.map(cut => Math.floor(text.length * cut / 1000)).sort((a, b) => a - b), text.length]
  return at.slice(1).map((end, i) => text.slice(at[i], end)).filter(piece => piece !== '')
}

/** One change of a byte, in the head or anywhere, at so many thousandths of it. */
export interface Mutation { readonly kind: 'insert' | 'delete' | 'flip' | 'replace', readonly at: number, readonly head: boolean, readonly byte: number }

const TELLING = [...'\r\n\t\0 :,;=0159aAfF-/\\#?%"\x7f\x80\xff'].map(character => character.charCodeAt(0))

export const mutations: fc.Arbitrary<Mutation[]> = fc.array(fc.record({
  kind: fc.constantFrom('insert', 'delete', 'flip', 'replace'),
  at: fc.nat(9999),
  head: fc.boolean(),
  byte: fc.oneof(fc.constantFrom(...TELLING), fc.nat(255))
}), { minLength: 1, maxLength: 3 })

export function mutated (text: string, mutations: readonly Mutation[]): string {
  for (const { kind, at, head, byte } of mutations) {
    const end = head ? text.indexOf('\r\n\r\n') + 4 : text.length
    const i = Math.floor((end < 4 ? text.length : end) * at / 10_000)
    const put = kind === 'flip' ? String.fromCharCode(text.charCodeAt(i) ^ (1 << (byte & 7))) : String.fromCharCode(byte)
    text = text.slice(0, i) + (kind === 'delete' ? '' : put) + text.slice(kind === 'insert' ? i : i + 1)
  }
  return text
}

/** Fields by lower-case name, repeated ones as one; without those that are named. */
export function combined (fields: readonly Field[], without: ReadonlySet<string>): Record<string, string> {
  const record: Record<string, string> = Object.create(null)
  for (const [given, text] of fields) {
    const name = given.toLowerCase()
    if (without.has(name)) continue
    const before = record[name]
    record[name] = before === undefined ? text : `${before}${name === 'cookie' ? '; ' : ', '}${text}`
  }
  // Blanks around the whole are not part of a value; two empty values leave one at its end.
  for (const name of Object.keys(record)) record[name] = trimmed(record[name] ?? '')
  return record
}

/** The options of all `Connection` fields, in lower case. */
export function nominated (fields: readonly Field[]): string[] {
  return fields.filter(([name]) => name.toLowerCase() === 'connection').flatMap(([, text]) => text.toLowerCase().split(',').map(trimmed))
}
