import type { FastifyRequest } from 'fastify'
import { cookieValue } from './headers.js'

/** Where a request's key is found. A function may return undefined for "no key". */
export type KeyOption =
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly query: string }
  /** The path, without the query. */
  | 'path'
  /** The client's address: Fastify's `request.ip`, which `trustProxy` governs. */
  | 'address'
  | ((request: FastifyRequest) => string | undefined)

/** Reads the key of a request; an empty one counts as none. */
export type KeyReader = (request: FastifyRequest) => string | undefined

export function keyReader (option: KeyOption): KeyReader {
  const read = reader(option)
  return request => read(request) || undefined
}

function reader (option: KeyOption): KeyReader {
  if (typeof option === 'function') return option
  if (option === 'path') return request => request.url.split('?', 1)[0]
  if (option === 'address') return request => request.ip
  if ('header' in option) {
    const name = option.header.toLowerCase()
    return ({ headers }) => own(headers, name)
  }
  if ('cookie' in option) return request => cookieValue(request.headers.cookie, option.cookie)
  return ({ query }) => own(query as Record<string, unknown>, option.query)
}

/** Every object has a `constructor`; a request has one when it was sent one. */
function own (fields: Readonly<Record<string, unknown>>, name: string): string {
  return Object.hasOwn(fields, name) ? String(fields[name] ?? '') : ''
}
