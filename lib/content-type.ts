/**
 * Bodies of any `Content-Type`, forwarded unread. Fastify answers with 415 when it can not parse the field, before any parser is
 * asked; a gateway has no need to understand it. So the field is out of sight for the moment in which Fastify looks at it.
 */
import type { IncomingMessage } from 'node:http'
import type { Http2Stream } from 'node:http2'
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** What is to be put back into a request's headers. */
const kHidden = Symbol('fastify-balancer.hidden')

/** A body that a hook has put in the place of the one that came, while no parser has been given it. */
export const kReplaced = Symbol('fastify-balancer.replaced')

declare module 'fastify' {
  interface FastifyRequest {
    [kHidden]?: { readonly type: string, readonly framed: boolean }
    [kReplaced]?: Readable
  }
}

/** Methods whose `Content-Type` Fastify never looks at, and one that it refuses without any. */
const UNTOUCHED = new Set(['GET', 'HEAD', 'TRACE', 'QUERY'])

/** Whether the sender of a request has said that a body follows. */
export function announcesBody (request: IncomingMessage): boolean {
  const { headers } = request
  const { stream } = request as { stream?: Http2Stream }
  return stream === undefined
    ? headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
    : !stream.endAfterHeaders
}

type Parsing = (error: null, payload: Readable) => void

/**
 * The last `preParsing` hook of a route whose bodies are parsed. A body that a hook has decoded, as @fastify/compress does, goes on
 * without its `Content-Encoding`. Hooks tell by `receivedEncodedLength` that they have changed a body's length.
 */
export function noteDecoded (request: FastifyRequest, _reply: FastifyReply, payload: Readable, done: Parsing): void {
  settleEncoding(request, payload)
  done(null, payload)
}

function settleEncoding (request: FastifyRequest, payload: Readable): void {
  if (payload === request.raw) return
  if (isDecoded(payload)) delete request.raw.headers['content-encoding']
  if (UNTOUCHED.has(request.method)) {
    // Nobody takes it, and the hook may have begun to read what it was made of.
    if (announcesBody(request.raw)) request[kReplaced] = payload
    if (isDecoded(payload)) delete request.raw.headers['content-length']
  }
}

function isDecoded (payload: Readable & { receivedEncodedLength?: number }): boolean {
  return payload.receivedEncodedLength !== undefined
}

/** The last `preParsing` hook of a route whose bodies are not parsed: after it comes only the choice of a parser. */
export function hideContentType (request: FastifyRequest, _reply: FastifyReply, payload: Readable, done: Parsing): void {
  const { headers } = request.raw
  settleEncoding(request, payload)
  const type = headers['content-type']
  if (type !== undefined && request.mediaType === undefined && !UNTOUCHED.has(request.method)) {
    const framed = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
    request[kHidden] = { type, framed }
    delete headers['content-type']
    // A request with neither a type nor a body would pass the parser by, and hooks would come before the field is back.
    if (!framed) headers['transfer-encoding'] = 'chunked'
  }
  done(null, payload)
}

/** Puts back what was hidden. */
export function showContentType (request: FastifyRequest): void {
  const hidden = request[kHidden]
  if (hidden === undefined) return
  const { headers } = request.raw
  headers['content-type'] = hidden.type
  if (!hidden.framed) delete headers['transfer-encoding']
  request[kHidden] = undefined
}

/** The parser for every type: a body is the stream that it comes as, and none when none was announced. */
export function passBody (request: FastifyRequest, payload: Readable, done: (error: null, body?: Readable) => void): void {
  showContentType(request)
  const isReplaced = payload !== request.raw
  // It is no longer as long as the client has said.
  if (isReplaced && isDecoded(payload)) delete request.raw.headers['content-length']
  done(null, isReplaced || announcesBody(request.raw) ? payload : undefined)
}
