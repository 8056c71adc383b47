/** Header fields that the upstream believes, because only the gateway says them: what a client says of them is never sent on. */
import type { FastifyRequest } from 'fastify'
import type { HeaderRecord } from './headers.js'

/**
 * Takes out of a request what the client says of these fields, in whatever spelling, and says `fields` in its place.
 *
 * An upstream that reads fields as CGI does takes `X_User` for `X-User`, some `X.User` too (RFC 3875 §4.1.18). A client must not
 * have them taken out again either, by naming them in `Connection`.
 *
 * @param names in lower case, with those that have no value this time
 * @param fields values of some of them
 */
export function claimFields (request: FastifyRequest, names: readonly string[], fields: HeaderRecord): void {
  const claimed = new Set(names.map(plain))
  const sent = request.raw.headers
  // Set by the app, it hides what came; the fields that are forwarded are those that came.
  if (request.headers !== sent) request.headers = { ...request.headers, ...emptied(request.headers, claimed), ...fields }
  for (const name of Object.keys(sent)) if (claimed.has(plain(name))) delete sent[name]
  if (sent.connection !== undefined) {
    sent.connection = sent.connection.split(',').filter(token => !claimed.has(plain(token.trim()))).join(',')
  }
  Object.assign(sent, fields)
}

function emptied (headers: FastifyRequest['headers'], claimed: ReadonlySet<string>): Record<string, undefined> {
  return Object.fromEntries(Object.keys(headers).filter(name => claimed.has(plain(name))).map(name => [name, undefined]))
}

/** What all spellings of a name have in common, but for its capitals. */
function plain (name: string): string {
  return name.toLowerCase().replace(/[^a-z\d]/g, '-')
}
