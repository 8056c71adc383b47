import { constants, type Http2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import replyFrom, { type FastifyReplyFromHooks } from '@fastify/reply-from'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { ClientGoneError, type GatewayError } from './errors.js'
import type { ExchangeOptions } from './exchange.js'
import type { Handler } from './handler.js'
import {
  dropHopByHop, isBelow, mergedLists, plainAddress, requestHeaders, responseHeaders, restoreAdded, rewriteLocation, type ForwardedFacts, type HeaderRecord
} from './headers.js'
import type { KeyReader } from './key.js'
import type { AttemptRecord } from './outcome.js'
import type { PrefixRewriter, Rewritten } from './path.js'
import type { Pool } from './pool.js'

/** How the requests of one route are forwarded. */
export interface ForwardSettings {
  readonly pool: Pool
  readonly rewrite: PrefixRewriter
  /** Reads what the pool's policy hashes; undefined when it does not. */
  readonly keyOf: KeyReader | undefined
  readonly preserveHost: boolean
  readonly via: string | false
  readonly rewriteLocation: boolean
  readonly preRewrite: ((url: string, params: unknown, prefix: string) => string) | undefined
  /** The route's prefix as it was registered, parents' prefixes included. */
  readonly prefix: string
  readonly replyOptions: FastifyReplyFromHooks
}

/** Sends a request through the pool and its answer to the client. Returns at once; Fastify needs no promise for it. */
export type Forward = (request: FastifyRequest, reply: FastifyReply) => void

/** Where an exchange keeps its lines for `request.attempts`. */
export const kAttempts = Symbol('fastify-balancer.attempts')

/** Where a request keeps its Forwarding, and the one header that carries it through `reply.from`. */
const kForwarding = Symbol('fastify-balancer.forwarding')

declare module 'fastify' {
  interface FastifyRequest {
    [kAttempts]?: AttemptRecord[]
    [kForwarding]?: Forwarding
  }
}

/** The origin that reply-from is told of. It sends nothing itself: `requestable` does. */
const PLACEHOLDER = 'http://upstream.invalid'

type From = (this: FastifyReply, source: string, options: FastifyReplyFromHooks) => FastifyReply
type FromCallback = (error: null, response: { statusCode: number, headers: HeaderRecord, body: unknown }) => void
interface FromOptions {
  readonly path: string
  readonly method: Dispatcher.HttpMethod
  readonly headers: { readonly [kForwarding]?: Forwarding }
  readonly body: unknown
  readonly headersTimeout: number | undefined
  readonly bodyTimeout: number | undefined
}

/** What reply-from takes for an undici instance: it hands every request to the exchange that travels with it. */
const requestable = {
  request (options: FromOptions, callback: FromCallback): void {
    options.headers[kForwarding]?.send(options, callback)
  }
}

/**
 * reply-from's `reply.from`, without its decorator: the app may have one of its own, with options of its own.
 *
 * Its plugin asks an instance for three things. All that is wanted here is the function it decorates replies with;
 * its hooks warn about `@fastify/multipart`, whose parser is not used, and close agents that it did not open.
 */
function captureFrom (): From {
  let from: From | undefined
  const instance = {
    decorateReply (_name: string, method: From) { from = method },
    addHook () {},
    onClose () {}
  }
  replyFrom(instance as unknown as FastifyInstance, {
    base: PLACEHOLDER, undici: requestable as unknown as Dispatcher, globalAgent: true, disableRequestLogging: true
  }, error => { if (error !== undefined) throw error })
  if (from === undefined) throw new Error('this version of @fastify/reply-from is not supported')
  return from
}

/** Makes a route's forward function. */
export function forwarder (settings: ForwardSettings): Forward {
  const from = captureFrom()
  const { rewriteRequestHeaders, rewriteHeaders, queryString, body, contentType, onResponse } = settings.replyOptions
  const options: FastifyReplyFromHooks = {
    ...settings.replyOptions,
    // reply-from would write the type into these very options, and take the next request's body for a text.
    ...(body === undefined || body === null || contentType !== undefined ? undefined : { body: JSON.stringify(body), contentType: 'application/json' }),
    // The headers proper travel in the Forwarding: reply-from copies what it is given twice.
    rewriteRequestHeaders: (request, headers) => carrier(request as FastifyRequest, headers as HeaderRecord, rewriteRequestHeaders),
    rewriteHeaders: (headers, request) => {
      const forwarding = forwardingOf(request as FastifyRequest)
      forwarding.moveLocation(headers as HeaderRecord)
      forwarding.keepOwn(headers as HeaderRecord)
      return rewriteHeaders?.(headers, request) ?? headers
    },
    queryString: typeof queryString === 'function'
      ? (_search, url, request) => queryString(forwardingOf(request as FastifyRequest).query.slice(1), url, request)
      : queryString ?? (() => ''),
    ...(onResponse === undefined
      ? undefined
      : { onResponse: ((request, reply, response) => { answered(reply as FastifyReply, onResponse(request, reply, response)) }) as typeof onResponse }),
    // Trying elsewhere is the pool's business; reply-from would repeat a 503 ten times on the same target.
    retryDelay: () => null
  }

  return (request, reply) => {
    const url = settings.preRewrite?.(request.url, request.params, settings.prefix) ?? request.url
    const rewritten = settings.rewrite(url, request.params as Record<string, string>)
    request[kForwarding] = new Forwarding(settings, request, reply, rewritten)
    // In HTTP/2 a body needs no header to announce it; Fastify looks for one and passes over those that have none.
    if (request.body === undefined && http2Stream(request)?.endAfterHeaders === false && !/^(?:GET|HEAD)$/.test(request.method)) request.body = request.raw
    from.call(reply, '/', options)
  }
}

/** An answer that a user's function gives later may fail later; the client still gets one. */
function answered (reply: FastifyReply, result: unknown): void {
  if (result instanceof Promise) result.catch((error: unknown) => { reply.send(error) })
}

function forwardingOf (request: FastifyRequest): Forwarding {
  const forwarding = request[kForwarding]
  if (forwarding === undefined) throw new Error('the request is not being forwarded')
  return forwarding
}

function carrier (request: FastifyRequest, headers: HeaderRecord, rewrite: FastifyReplyFromHooks['rewriteRequestHeaders']): HeaderRecord {
  const forwarding = forwardingOf(request)
  forwarding.prepare(headers, rewrite)
  return { [kForwarding]: forwarding } as unknown as HeaderRecord
}

/** One forwarded request, from the client's headers to the last byte of the answer. */
class Forwarding implements Handler {
  readonly #settings: ForwardSettings
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #rewritten: Rewritten
  readonly #attempts: AttemptRecord[] = []
  #headers: HeaderRecord = {}
  #abort: ((reason?: Error) => void) | undefined
  #respond: FromCallback | undefined
  #stream: ResponseBody | undefined
  /** Whether the pool is done with the request. */
  #over = false
  #clientGone = false

  constructor (settings: ForwardSettings, request: FastifyRequest, reply: FastifyReply, rewritten: Rewritten) {
    this.#settings = settings
    this.#request = request
    this.#reply = reply
    this.#rewritten = rewritten
    request[kAttempts] = this.#attempts
  }

  get query (): string { return this.#rewritten.query }

  /** Turns the client's headers into the ones to send. */
  prepare (client: HeaderRecord, rewrite: FastifyReplyFromHooks['rewriteRequestHeaders']): void {
    const request = this.#request
    const { preserveHost, via } = this.#settings
    const host = preserveHost && request.host !== '' ? request.host : undefined
    restoreAdded(client, request.raw)
    const headers = requestHeaders(client, { facts: forwardedFacts(request), host, via: via === false ? undefined : `${request.raw.httpVersion} ${via}` })
    this.#headers = headers
    if (rewrite === undefined) return
    this.#headers = Object.assign(Object.create(null), rewrite(request, headers)) as HeaderRecord
    dropHopByHop(this.#headers)
  }

  /** Called by reply-from with what it made of the request; `respond` is its way to answer the client. */
  send ({ path, method, body: given, headersTimeout, bodyTimeout }: FromOptions, respond: FromCallback): void {
    const { pool, keyOf, replyOptions } = this.#settings
    const body = given === '' ? this.#falsyJson() : given
    const hasBody = body !== '' && body !== null && body !== undefined
    // Fastify does not read the bodies of GET and HEAD; a length without one would leave the upstream waiting.
    if (!hasBody && this.#headers['content-length'] !== '0') delete this.#headers['content-length']
    this.#respond = respond
    if (isClosed(this.#reply)) {
      this.#leave()
      return
    }
    this.#reply.raw.once('close', () => { this.#leave() })
    pool.dispatch({
      // What follows reply-from's own `/` is the query that a user's option has put in the place of the client's.
      path: this.#rewritten.path + (replyOptions.queryString === undefined ? this.#rewritten.query : path.slice(1)),
      method,
      headers: this.#headers,
      body: hasBody ? body as ExchangeOptions['body'] : null,
      key: keyOf?.(this.#request),
      attempts: this.#attempts,
      ...(headersTimeout === undefined ? undefined : { headersTimeout }),
      ...(bodyTimeout === undefined ? undefined : { bodyTimeout })
    } as ExchangeOptions, this)
  }

  /** A parsed `null`, `false`, `0` or `""`, which reply-from takes for no body; empty when there is none. */
  #falsyJson (): string {
    const { body, headers } = this.#request
    if (body === undefined || this.#settings.replyOptions.body !== undefined) return ''
    if (!/^application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '')) return ''
    const json = JSON.stringify(body)
    this.#headers['content-length'] = String(Buffer.byteLength(json))
    return json
  }

  onConnect (abort: (reason?: Error) => void): void {
    this.#abort = abort
  }

  onHeaders (status: number, headers: Buffer[], resume: () => void): boolean {
    if (status < 200) return true
    this.#stream = new ResponseBody(this.#reply, resume, () => { this.#leave() })
    try {
      this.#answer(status, headers, this.#stream)
    } catch (error) {
      // One of `replyOptions` threw: nobody reads the stream, the error has to be sent.
      this.#stream = undefined
      throw error
    }
    return true
  }

  onData (chunk: Buffer): boolean {
    return this.#stream?.push(chunk) === true
  }

  onComplete (): void {
    this.#over = true
    this.#stream?.push(null)
  }

  onWhole (status: number, headers: Buffer[], body: Buffer | undefined): void {
    this.#over = true
    this.#answer(status, headers, body)
  }

  onError (error: Error): void {
    this.#over = true
    const { pool } = this.#settings
    const fields = { pool: pool.name, attempts: this.#attempts.map(loggedAttempt) }
    if (this.#clientGone) {
      this.#request.log.debug({ ...fields, statusCode: 499 }, 'client closed the connection')
      this.#stream?.destroy(error)
      return
    }
    this.#request.log.warn({ ...fields, err: error }, 'request could not be forwarded')
    if (this.#stream !== undefined) {
      // Fastify cuts the client's connection off when the stream that it sends fails; an HTTP/2 stream it would end well.
      if (this.#reply.raw.headersSent) http2Stream(this.#request)?.close(constants.NGHTTP2_INTERNAL_ERROR)
      this.#stream.destroy(error)
    } else {
      const { onError } = this.#settings.replyOptions
      try {
        if (onError === undefined) this.#reply.send(error)
        else answered(this.#reply, onError(this.#reply, { error: error as GatewayError & { name: string } }))
      } catch (thrown) {
        // This runs in a callback of a connection, where nobody else would catch it.
        this.#reply.send(thrown)
      }
    }
  }

  /** Moves a `Location` from the upstream's paths to the gateway's. */
  moveLocation (headers: HeaderRecord): void {
    const { location } = headers
    if (!this.#settings.rewriteLocation || typeof location !== 'string') return
    const target = this.#attempts.at(-1)?.target ?? PLACEHOLDER
    const { prefix, rewrittenPrefix } = this.#rewritten
    const base = (url: string): string => url.slice(new URL(url).origin.length) + rewrittenPrefix
    if (!/^https?:\/\//i.test(location)) {
      headers['location'] = rewriteLocation(location, base(target), prefix)
      return
    }
    // The address of a target is of no use to the client: what leads to one becomes a path of the gateway.
    if (!URL.canParse(location)) return
    const { origin, pathname, search, hash } = new URL(location)
    // As a path it would name a host.
    if (pathname.startsWith('//')) return
    for (const url of [target, ...this.#settings.pool.targets.map(({ url }) => url)]) {
      const from = base(url)
      if (new URL(url).origin !== origin || !isBelow(pathname, from)) continue
      headers['location'] = rewriteLocation(pathname + search + hash, from, prefix)
      return
    }
  }

  /** What the app has said of caching and of other origins is not undone by the upstream. */
  keepOwn (headers: HeaderRecord): void {
    const own = this.#reply.getHeader('vary')
    if (own !== undefined && headers['vary'] !== undefined) headers['vary'] = mergedLists(own, headers['vary'])
    if (!this.#reply.hasHeader('access-control-allow-origin')) return
    for (const name of Object.keys(headers)) if (name.startsWith('access-control-')) delete headers[name]
  }

  #answer (status: number, raw: Buffer[], body: Buffer | Readable | undefined): void {
    const headers = responseHeaders(raw)
    this.#respond?.(null, { statusCode: status, headers, body: this.#payload(headers, body) })
  }

  /** What `reply.send` is to be given so that it changes nothing. */
  #payload (headers: HeaderRecord, body: Buffer | Readable | undefined): unknown {
    if (!Buffer.isBuffer(body)) return body
    // Fastify gives a Buffer without one type one of its own; a user's onResponse expects a stream.
    const asStream = typeof headers['content-type'] !== 'string' || this.#settings.replyOptions.onResponse !== undefined
    return asStream ? Readable.from([body], { objectMode: false }) : body
  }

  #leave (): void {
    if (this.#over) return
    this.#clientGone = true
    if (this.#abort === undefined) this.onError(ClientGoneError())
    else this.#abort(ClientGoneError())
  }
}

/** A streamed answer on its way to the client. */
class ResponseBody extends Readable {
  readonly #reply: FastifyReply
  readonly #resume: () => void
  readonly #abort: () => void
  #flushed = false

  constructor (reply: FastifyReply, resume: () => void, abort: () => void) {
    super()
    this.#reply = reply
    this.#resume = resume
    this.#abort = abort
    // Fastify listens once it sends; what fails before that, while a hook is still busy, must not be an uncaught error.
    this.on('error', () => {})
  }

  override _read (): void {
    if (!this.#flushed) this.#flush()
    this.#resume()
  }

  override _destroy (error: Error | null, callback: (error: Error | null) => void): void {
    this.#abort()
    callback(error)
  }

  /**
   * Node writes headers with the first piece of the body. When there is none yet (server-sent events may be minutes
   * away) the client gets them at once; but only when Fastify has set them, which it has not while a hook such as
   * compression reads the stream before it does.
   */
  #flush (): void {
    this.#flushed = true
    const { raw } = this.#reply
    if (this.readableLength > 0 || raw.headersSent || raw.getHeaderNames().length === 0) return
    raw.flushHeaders()
  }
}

/** The client's stream when it speaks HTTP/2. */
function http2Stream (request: FastifyRequest): Http2Stream | undefined {
  return (request.raw as unknown as { stream?: Http2Stream }).stream
}

function isClosed (reply: FastifyReply): boolean {
  const { raw } = reply
  return raw.destroyed || raw.closed || raw.socket?.destroyed === true
}

/** What the gateway knows of its client. Fastify decides, by `trustProxy`, how much of it the client's proxy may say. */
function forwardedFacts (request: FastifyRequest): ForwardedFacts {
  const peer = plainAddress(request.raw.socket.remoteAddress)
  // More than the peer itself is listed only when the peer is trusted to add to the list.
  const trusted = request.ips !== undefined && request.ips.length > 1
  const before = trusted ? request.headers['x-forwarded-for'] : undefined
  const host = request.host === '' ? undefined : request.host
  return {
    for: [before, peer].filter(address => address !== undefined).join(', ') || undefined,
    proto: request.protocol,
    host,
    port: (trusted ? /^\d+$/.exec(String(request.headers['x-forwarded-port']))?.[0] : undefined) ??
      /:(\d+)$/.exec(host ?? '')?.[1] ?? (request.protocol === 'https' ? '443' : '80')
  }
}

/** An attempt as a log line shows it. */
function loggedAttempt ({ error, ...attempt }: AttemptRecord): object {
  return error === undefined ? attempt : { ...attempt, error: error.message }
}
