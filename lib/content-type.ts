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

declare module 'fastify' {
  interface FastifyRequest {
    [kHidden]?: { readonly type: string, readonly framed: boolean }
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

/** The last `preParsing` hook of a route: after it comes only the choice of a parser. */
export function hideContentType (request: FastifyRequest, _reply: FastifyReply, payload: Readable, done: (error: null, payload: Readable) => void): void {
  const { headers } = request.raw
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
  done(null, payload !== request.raw || announcesBody(request.raw) ? payload : undefined)
}
