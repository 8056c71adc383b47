/**
 * Header fields with a `_` in their names. An upstream that reads them the way of CGI can not tell `X_User` from `X-User`: both
 * are `HTTP_X_USER` (RFC 3875 §4.1.18). What the gateway and the app's hooks say must not be said by a client in that spelling.
 */
import { BadRequestError } from './errors.js'
import { isAsSent, RESERVED, sentFields, type HeaderRecord } from './headers.js'

/** What becomes of a client's fields that have a `_` in their names. */
export type Underscores = 'forward' | 'drop' | 'reject'

/**
 * Takes out, in place, what of a client's fields is not to be sent.
 *
 * @param sent what came on the wire, names and values in turn: fields that hooks have written are not the client's
 * @throws BadRequestError when the client's fields with a `_` are to be rejected, and there is one
 */
export function settleUnderscores (headers: HeaderRecord, underscores: Underscores, sent: readonly string[]): void {
  const fields = sentFields(sent)
  for (const name of Object.keys(headers)) {
    if (!hasUnderscore(name) || !isAsSent(name, headers[name], fields)) continue
    if (underscores === 'reject') throw BadRequestError({ cause: new Error(`a header field has a _ in its name: ${name}`) })
    if (underscores === 'drop' || RESERVED.has(dashed(name))) delete headers[name]
  }
  dropLookalikes(headers, sent)
}

/** Takes out, in place, those of the client's fields that look like one of a hook's, or with a `_` like one with a `-`. */
export function dropLookalikes (headers: HeaderRecord, sent: readonly string[]): void {
  const names = Object.keys(headers)
  const alike = new Map<string, string[]>()
  for (const name of names) if (hasUnderscore(name)) alike.set(dashed(name), [])
  if (alike.size === 0) return
  const fields = sentFields(sent)
  for (const name of names) alike.get(dashed(name))?.push(name)
  for (const spellings of alike.values()) {
    const own = spellings.filter(name => !isAsSent(name, headers[name], fields))
    const plain = spellings.some(name => !hasUnderscore(name))
    for (const name of spellings) {
      if (own.includes(name)) continue
      // A hook may have given a field another spelling for an old upstream.
      const isCopied = own.some(other => headers[other] === headers[name])
      if (hasUnderscore(name) ? plain || own.length > 0 : own.length > 0 && !isCopied) delete headers[name]
    }
  }
}

function hasUnderscore (name: string): boolean {
  return name.includes('_')
}

function dashed (name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}
