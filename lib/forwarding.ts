import { ServerResponse, validateHeaderName, validateHeaderValue, type OutgoingHttpHeaders } from 'node:http'
import { constants, type Http2Stream } from 'node:http2'
import { Readable, type Duplex } from 'node:stream'
import type { FastifyReplyFromHooks } from '@fastify/reply-from'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import type { Belonging } from './affinity.js'
import type { Clock } from './clock.js'
import { forwardedFacts } from './client.js'
import type { WebSocketHooks } from './compat.js'
import { kReplaced } from './content-type.js'
import { parseDeadline } from './deadline.js'
import {
  BadOptionError, BadRequestError, ClientGoneError, DeadlineError, FailedError, show, TooManyFieldsError, TransferCodingError, type GatewayError
} from './errors.js'
import type { EndListener, ExchangeEnd } from './events.js'
import type { ExchangeOptions } from './exchange.js'
import { explanationField, type ExplanationForm } from './explain-field.js'
import type { Handler, Trailers } from './handler.js'
import { cookieValue, dropHopByHop, EXPLANATION_FIELD, isEventStream, mergedLists, rawValue, repeatsHost, requestHeaders, responseHeaders, restoreAdded, type HeaderRecord } from './headers.js'
import { hostedUrl, movedCookie, movedLocation, type PathMap } from './location.js'
import type { AttemptRecord } from './outcome.js'
import type { Rewritten } from './path.js'
import type { Pool } from './pool.js'
import { printable } from './printable.js'
import { isLogged, logEnd, loggedAttempt, type RequestLog } from './request-log.js'
import type { Recorder } from './recorder.js'
import { ResponseBody } from './response-body.js'
import { announcedTrailers, trailerFields, wantsTrailers } from './trailers.js'
import { Tunnel } from './tunnel.js'
import { dropLookalikes, settleUnderscores, type Underscores } from './underscores.js'
import { upgradeOf, type Upgrade } from './upgrade.js'

/** What a request needs to know of its route. */
export interface ForwardingSettings {
  readonly pool: Pool
  readonly preserveHost: boolean
  readonly via: string | false
  /** Whether hops are told of in `Forwarded` as well. */
  readonly forwarded: boolean
  readonly underscores: Underscores
  readonly rewriteLocation: boolean
  readonly rewriteCookiePath: boolean
  /** Whether requests for a WebSocket are forwarded as such. */
  readonly websocket: boolean
  /** Told of WebSockets. */
  readonly wsHooks: WebSocketHooks | undefined
  readonly clock: Clock
  /** Who leaves the queue of the pool first. */
  readonly importance: number | ((request: FastifyRequest) => number)
  /** How long a client is willing to wait; undefined does not ask it. */
  readonly deadline: DeadlineSettings | undefined
  /** Whether it is taken down for every request how it is decided upon. */
  readonly explain: boolean
  readonly requestLog: RequestLog
  readonly replyOptions: FastifyReplyFromHooks
}

export interface DeadlineSettings {
  /** Name of the client's field, in lower case. */
  readonly header: string
  /** Whether targets are told how much is left. */
  readonly send: boolean
  /** Milliseconds: with less than this left nothing is begun. */
  readonly minimum: number
}

/** What reply-from has made of a request. */
export interface Outgoing {
  readonly path: string
  readonly method: Dispatcher.HttpMethod
  readonly body: unknown
  readonly headersTimeout: number | undefined
  readonly bodyTimeout: number | undefined
}

/** reply-from's way to answer the client. */
export type Respond = (error: null, response: { statusCode: number, headers: HeaderRecord, body: unknown }) => void

/** The origin that reply-from is told of. Nothing is ever sent to it. */
export const PLACEHOLDER = 'http://upstream.invalid'

/** Header fields of a request that Node keeps. */
const NODE_FIELD_LIMIT = 1000

/** Informational responses that are passed on for one request. What comes beyond is no use to a client. */
const INTERIM_LIMIT = 32

/** Milliseconds for which the rest of an upload that has been answered is read, when `timeouts.idle` is off. */
const REST_TIMEOUT = 60_000

/** Seconds after which a client may try again that was turned away: a queue is a matter of seconds. */
const TRY_AGAIN = '1'

/** Where an exchange keeps its lines for `request.attempts`. */
export const kAttempts = Symbol('fastify-balancer.attempts')

/** Where it says that a client may have its request explained, and in what form it wants to. */
export const kAllowed = Symbol('fastify-balancer.allowed')

/** Where it is taken down how a request is decided upon. */
export const kRecorder = Symbol('fastify-balancer.recorder')

declare module 'fastify' {
  interface FastifyRequest {
    [kAllowed]?: ExplanationForm
    [kRecorder]?: Recorder
    [kAttempts]?: AttemptRecord[]
  }
}

/** One forwarded request, from the client's headers to the last byte of the answer. */
export class Forwarding implements Handler, EndListener {
  readonly #settings: ForwardingSettings
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #rewritten: Rewritten
  readonly #attempts: AttemptRecord[] = []
  #headers: HeaderRecord = {}
  #abort: ((reason?: Error) => void) | undefined
  #respond: Respond | undefined
  #stream: ResponseBody | undefined
  /** The client's connection, when the request asks for a WebSocket and may have one. */
  readonly #upgrade: Upgrade | undefined
  #interim = 0
  /** What the client has sent in place of a cookie of ours, or in one. */
  #stuckTo: string | undefined
  /** Milliseconds that the client is willing to wait, and how it put it. */
  #deadline: { readonly ms: number, readonly text: string } | undefined
  /** Whether the pool is done with the request. */
  #over = false
  #clientGone = false
  /** Takes down how it is decided upon; undefined when nobody wants to know. */
  #recorder: Recorder | undefined
  /** A WebSocket has been opened; its end has a line of its own. */
  #tunnelled = false

  constructor (settings: ForwardingSettings, request: FastifyRequest, reply: FastifyReply, rewritten: Rewritten) {
    this.#settings = settings
    this.#request = request
    this.#reply = reply
    this.#rewritten = rewritten
    this.#upgrade = settings.websocket ? upgradeOf(request.raw) : undefined
    request[kAttempts] = this.#attempts
  }

  get query (): string { return this.#rewritten.query }

  /** Turns the client's headers into the ones to send. */
  prepare (client: HeaderRecord, rewrite: FastifyReplyFromHooks['rewriteRequestHeaders']): void {
    const request = this.#request
    const { preserveHost, via, forwarded, underscores } = this.#settings
    const { rawHeaders, httpVersion, headers: { 'transfer-encoding': coding } } = request.raw
    // Node leaves out what is beyond its limit, which may be the length of the body.
    if (rawHeaders.length >= NODE_FIELD_LIMIT * 2 && http2Stream(request) === undefined) {
      this.#reply.header('connection', 'close')
      throw TooManyFieldsError()
    }
    // Node takes the last of several codings off (RFC 9112 §6.1); when that is not `chunked` it refuses the request itself.
    if (coding !== undefined && /[^\s,].*[\s,]chunked[\s,]*$/is.test(coding)) throw TransferCodingError()
    if (repeatsHost(rawHeaders)) throw BadRequestError({ cause: new Error('there is more than one Host') })
    const host = preserveHost && request.host !== '' ? request.host : undefined
    // What a parser has kept as bytes is sent as them, whatever reply-from would make of it.
    if (this.#keptBytes !== undefined) Object.assign(client, { 'content-type': request.headers['content-type'], 'content-length': String(this.#keptBytes.length) })
    restoreAdded(client, request.raw)
    const headers = requestHeaders(client, { facts: forwardedFacts(request, forwarded), host, via: via === false ? undefined : `${httpVersion} ${via}` },
      headers => { settleUnderscores(headers, underscores, rawHeaders) })
    this.#headers = headers
    this.#readDeadline()
    if (rewrite === undefined) return
    const rewritten: unknown = rewrite(request, headers)
    if (typeof rewritten !== 'object' || rewritten === null || rewritten instanceof Promise) {
      throw BadOptionError(`replyOptions.rewriteRequestHeaders: returned ${show(rewritten)}, must return the header fields`)
    }
    this.#headers = Object.assign(Object.create(null), rewritten) as HeaderRecord
    dropHopByHop(this.#headers)
    dropLookalikes(this.#headers, rawHeaders)
  }

  /** Called by reply-from with what it made of the request; `respond` is its way to answer the client. */
  send ({ path, method, body: given, headersTimeout, bodyTimeout }: Outgoing, respond: Respond): void {
    const { pool, replyOptions, deadline } = this.#settings
    const body = this.#keptBytes ?? (given === '' ? this.#unparsed() ?? this.#falsyJson() : given)
    const hasBody = body !== '' && body !== null && body !== undefined
    // A length without a body would leave the upstream waiting.
    const length = this.#headers['content-length']
    if (!hasBody && length !== undefined && length !== '0') delete this.#headers['content-length']
    this.#respond = respond
    const { method: asked, url } = this.#request
    if (this.#settings.explain || this.#request[kAllowed] !== undefined) this.#recorder = this.#request[kRecorder] = pool.recorder(asked, url)
    const refuse = (error: Error): void => {
      pool.refuse({ method, path: this.#rewritten.path, request: this.#request, attempts: this.#attempts, listener: this, trace: this.#recorder }, this, error)
    }
    if (isClosed(this.#reply)) {
      this.#clientGone = true
      refuse(ClientGoneError())
      return
    }
    this.#onLeave(() => { this.#leave() })
    if (this.#deadline !== undefined && this.#deadline.ms < Math.max(1, deadline?.minimum ?? 0)) {
      refuse(DeadlineError())
      return
    }
    pool.dispatch({
      // What follows reply-from's own `/` is the query that a user's option has put in the place of the client's.
      path: this.#rewritten.path + (replyOptions.queryString === undefined ? this.#rewritten.query : path.slice(1)),
      method,
      headers: this.#headers,
      body: hasBody ? body as ExchangeOptions['body'] : null,
      // All of them each time, so that every request has the same shape.
      key: pool.keyOf?.(this.#request),
      attempts: this.#attempts,
      importance: this.#importance,
      stick: this.#sticking(),
      timeout: this.#timeout,
      tellDeadline: this.#deadline !== undefined && deadline?.send === true ? { name: deadline.header, like: this.#deadline.text } : undefined,
      trace: this.#recorder,
      upgrade: this.#upgrade === undefined ? undefined : 'websocket',
      headersTimeout,
      bodyTimeout,
      request: this.#request,
      listener: this
    } as ExchangeOptions, this)
    this.#upgrade?.watch()
  }

  get #importance (): number {
    const { importance } = this.#settings
    if (typeof importance === 'number') return importance
    const value: unknown = importance(this.#request)
    if (typeof value !== 'number' || !Number.isFinite(value)) throw BadOptionError(`importance: returned ${show(value)}, must return a finite number`)
    return value
  }

  #readDeadline (): void {
    const { deadline } = this.#settings
    if (deadline === undefined) return
    const given = this.#headers[deadline.header]
    delete this.#headers[deadline.header]
    if (given === undefined) return
    const text = String(given)
    const ms = parseDeadline(text)
    if (ms === undefined) throw BadRequestError({ cause: new Error(`${deadline.header}: ${show(text)}, must be milliseconds, seconds such as 1.5s, or a grpc-timeout`) })
    this.#deadline = { ms, text }
  }

  /** The shorter of the client's time and the pool's. */
  get #timeout (): number | undefined {
    if (this.#deadline === undefined) return undefined
    const { pool: { timeouts: { total } } } = this.#settings
    return total === 0 ? this.#deadline.ms : Math.min(this.#deadline.ms, total)
  }

  /** Tells the target that the client belongs to, by its cookie. */
  #sticking (): Belonging | undefined {
    const { affinity } = this.#settings.pool
    const value = affinity === undefined ? undefined : cookieValue(this.#request.headers.cookie, affinity.cookie)
    if (affinity === undefined || value === undefined) return undefined
    this.#stuckTo = value
    return affinity.belonging(value)
  }

  /** Gives the client the cookie of the target that has answered, unless it has it. */
  #stick (): void {
    const { affinity } = this.#settings.pool
    if (affinity === undefined) return
    const target = this.#attempts.at(-1)?.target
    if (target === undefined || affinity.idOf(target) === this.#stuckTo) return
    // Fastify keeps it beside those of the upstream.
    this.#reply.header('set-cookie', affinity.setCookie(target))
  }

  /** Explains the decision to a client that asks for it and may know. */
  #explain (): void {
    if (this.#recorder === undefined) return
    const form = this.#request[kAllowed]
    if (form !== undefined) this.#reply.header(EXPLANATION_FIELD, explanationField(this.#recorder.explanation, form))
  }

  /** The body, when one of the app's parsers has left it as it came. */
  get #keptBytes (): Uint8Array | undefined {
    const { body } = this.#request
    return body instanceof Uint8Array && body.length > 0 && this.#settings.replyOptions.body === undefined ? body : undefined
  }

  /** A body that Fastify has passed over: those of GET and HEAD, and in HTTP/2 those that no header announces. */
  #unparsed (): Readable | undefined {
    const { body, raw } = this.#request
    if (body !== undefined || this.#upgrade !== undefined || this.#settings.replyOptions.body !== undefined) return undefined
    const replaced = this.#request[kReplaced]
    if (replaced !== undefined) return replaced
    if (raw.readableDidRead) return undefined
    const stream = http2Stream(this.#request)
    const announced = stream === undefined
      ? raw.headers['transfer-encoding'] !== undefined || (raw.headers['content-length'] ?? '0') !== '0'
      : stream.endAfterHeaders === false
    return announced ? raw : undefined
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
    if (status < 200) {
      this.#passInterim(status, headers)
      return true
    }
    this.#stream = new ResponseBody(this.#reply, this.#announced(headers), resume, () => { this.#leave() })
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

  onComplete (trailers: Trailers): void {
    this.#over = true
    this.#passTrailers(trailers)
    this.#stream?.push(null)
  }

  onWhole (status: number, headers: Buffer[], body: Buffer | undefined): void {
    this.#over = true
    this.#answer(status, headers, body)
  }

  onUpgrade (_status: number, raw: Buffer[], upstream: Duplex): (() => void) | undefined {
    this.#over = true
    const upgrade = this.#upgrade
    if (upgrade === undefined || isClosed(this.#reply)) {
      upstream.destroy()
      return undefined
    }
    const { pool, clock, replyOptions, requestLog, wsHooks } = this.#settings
    const { log } = this.#request
    const started = clock.now()
    const { raw: response } = this.#reply
    let head: string
    try {
      const protocol = rawValue(raw, 'upgrade') ?? ''
      if (protocol.toLowerCase() !== 'websocket') throw FailedError({ cause: new Error(`switched to ${printable(protocol)}`) })
      const headers = this.#received(raw)
      this.#stick()
      this.#explain()
      const own = this.#reply.getHeaders()
      const theirs = (replyOptions.rewriteHeaders?.(headers, this.#request) ?? headers) as OutgoingHttpHeaders
      const cookies = [own['set-cookie'] ?? [], theirs['set-cookie'] ?? []].flat().map(String)
      head = switching({
        ...own as OutgoingHttpHeaders, ...theirs, ...(cookies.length === 0 ? undefined : { 'set-cookie': cookies }), connection: 'upgrade', upgrade: protocol
      })
    } catch (error) {
      upstream.destroy()
      throw error
    }
    this.#reply.hijack()
    this.#tunnelled = true
    const { socket, early } = upgrade.take()
    response.detachSocket(socket as Parameters<typeof response.detachSocket>[0])
    socket.write(head, 'latin1')
    const tunnel = new Tunnel(socket, upstream, early, {
      clock,
      idle: pool.timeouts.tunnel,
      closed: bytes => {
        if (isLogged(log, requestLog, undefined)) {
          const attempts = this.#attempts
          const fields = { pool: pool.name, target: attempts.at(-1)?.target, attempts: attempts.map(loggedAttempt), status: 101, code: attempts.length > 1 ? 'answered_elsewhere' : 'answered' }
          log.info({ ...fields, ms: clock.now() - started, ...bytes }, 'WebSocket closed')
        }
        callHook(log, 'onDisconnect', wsHooks?.onDisconnect, { log }, socket)
      }
    })
    callHook(log, 'onConnect', wsHooks?.onConnect, { log }, socket, upstream)
    return () => { tunnel.end() }
  }

  onError (error: Error): void {
    this.#over = true
    if (this.#clientGone) {
      this.#stream?.destroy(error)
      return
    }
    if (!this.#reply.raw.headersSent) {
      if ((error as GatewayError).statusCode === 503) this.#reply.header('retry-after', TRY_AGAIN)
      this.#explain()
      this.#closeIfRetired()
      this.#limitRest()
    }
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

  wantsEnd (error: Error | undefined): boolean {
    return !this.#tunnelled && isLogged(this.#request.log, this.#settings.requestLog, error)
  }

  ended (end: ExchangeEnd): void {
    logEnd(this.#request.log, end)
  }

  /** Moves a `Location`, and the paths of cookies, from the upstream's paths to the gateway's. */
  moveLocation (headers: HeaderRecord): void {
    const { pool, rewriteLocation, rewriteCookiePath } = this.#settings
    const { location } = headers
    const cookies = rewriteCookiePath ? headers['set-cookie'] : undefined
    if (cookies === undefined && (!rewriteLocation || typeof location !== 'string')) return
    const paths: PathMap = {
      target: this.#attempts.at(-1)?.target ?? PLACEHOLDER,
      targets: () => pool.targets.flatMap(({ url, host }) => host === undefined ? [url] : [url, hostedUrl(url, host)]),
      from: this.#rewritten.rewrittenPrefix,
      to: this.#rewritten.prefix
    }
    if (rewriteLocation && typeof location === 'string') headers['location'] = movedLocation(location, paths)
    if (cookies !== undefined) headers['set-cookie'] = Array.isArray(cookies) ? cookies.map(cookie => movedCookie(cookie, paths)) : movedCookie(cookies, paths)
  }

  /** What the app has said of caching and of other origins is not undone by the upstream. */
  keepOwn (headers: HeaderRecord): void {
    const own = this.#reply.getHeader('vary')
    if (own !== undefined && headers['vary'] !== undefined) headers['vary'] = mergedLists(own, headers['vary'])
    if (!this.#reply.hasHeader('access-control-allow-origin')) return
    for (const name of Object.keys(headers)) if (name.startsWith('access-control-')) delete headers[name]
  }

  /** 103 and 102 go on as they come; whatever else is informational was meant for this hop (RFC 9110 §15.2). */
  #passInterim (status: number, raw: Buffer[]): void {
    const { raw: response } = this.#reply
    // An old client would take one for the answer. Behind an earlier answer Node would put it between the head and the body of its own.
    if (response.headersSent || response.socket === null || this.#request.raw.httpVersion === '1.0' || ++this.#interim > INTERIM_LIMIT) return
    try {
      if (status === 103) response.writeEarlyHints(responseHeaders(raw))
      else if (status === 102) response.writeProcessing()
    } catch (error) {
      this.#request.log.debug({ err: error }, 'early hints that can not be passed on')
    }
  }

  /** The trailers that the upstream announces, when they can be passed on; empty otherwise. */
  #announced (raw: Buffer[]): string {
    const { httpVersion, headers } = this.#request.raw
    if (httpVersion === '1.0' || !wantsTrailers(String(headers.te))) return ''
    return announcedTrailers(rawValue(raw, 'trailer') ?? '')
  }

  #passTrailers (raw: Trailers): void {
    if (raw === null || raw.length === 0 || !wantsTrailers(String(this.#request.raw.headers.te))) return
    const fields = trailerFields(raw)
    if (fields.length === 0) return
    try {
      // Node leaves them out where there is no place for them: in HTTP/1.0, and behind a Content-Length.
      this.#reply.raw.addTrailers(this.#reply.raw instanceof ServerResponse ? fields : Object.fromEntries(fields) as never)
    } catch (error) {
      this.#request.log.debug({ err: error }, 'trailers that can not be passed on')
    }
  }

  #answer (status: number, raw: Buffer[], body: Buffer | Readable | undefined): void {
    const headers = this.#received(raw)
    // RFC 9110 §8.6; Node would send it.
    if (status === 204) delete headers['content-length']
    // For @fastify/compress, which would keep events back until it has a block full of them.
    if (isEventStream(raw)) this.#request.headers['x-no-compression'] ??= 'true'
    this.#stick()
    this.#explain()
    this.#closeIfRetired()
    this.#limitRest()
    asIfComplete(this.#request.raw, () => { this.#respond?.(null, { statusCode: status, headers, body: this.#payload(headers, body) }) })
  }

  /** The fields of an answer that are meant for the client. */
  #received (raw: Buffer[]): HeaderRecord {
    const headers = responseHeaders(raw)
    const { drainHeader } = this.#settings.pool
    if (drainHeader !== undefined && headers[drainHeader] !== undefined) delete headers[drainHeader]
    return headers
  }

  /** Once the app closes, a client should not send another request on a connection that is about to be closed. */
  #closeIfRetired (): void {
    const { pool } = this.#settings
    if (http2Stream(this.#request) !== undefined) return
    if (pool.retired) this.#reply.header('connection', 'close')
    if (this.#stream === undefined) return
    // The head of a stream may have left before the app began to close. Node would keep the connection, and the app would wait for it.
    const { socket } = this.#request.raw
    this.#reply.raw.once('finish', () => {
      if (pool.retired) socket.once('close', pool.atGraceEnd(() => { socket.destroySoon() }))
    })
  }

  /** Of an upload that is answered before its end the rest is read and dropped, but not for ever. */
  #limitRest (): void {
    const { raw } = this.#request
    // Requests that are injected into the app have no connection, and do not say whether they are complete.
    if (raw.complete !== false || http2Stream(this.#request) !== undefined) return
    const { pool, clock } = this.#settings
    this.#reply.raw.once('finish', () => {
      if (raw.complete) return
      const end = (): void => { raw.socket.destroy() }
      const cancel = clock.after(pool.timeouts.idle || REST_TIMEOUT, end)
      const forget = pool.atGraceEnd(end)
      const ended = (): void => {
        cancel()
        forget()
      }
      raw.once('end', ended).once('close', ended)
    })
  }

  /** What `reply.send` is to be given so that it changes nothing. */
  #payload (headers: HeaderRecord, body: Buffer | Readable | undefined): unknown {
    if (!Buffer.isBuffer(body)) return body
    // Fastify gives a Buffer without one type one of its own; a user's onResponse expects a stream.
    const asStream = typeof headers['content-type'] !== 'string' || this.#settings.replyOptions.onResponse !== undefined
    return asStream ? Readable.from([body], { objectMode: false }) : body
  }

  #onLeave (leave: () => void): void {
    const { raw } = this.#reply
    raw.once('close', leave)
    if (raw.socket !== null) return
    // It waits behind the answers to earlier requests of its connection, and Node does not close one that still waits.
    const { socket } = this.#request.raw
    socket.setMaxListeners(0).once('close', leave)
    raw.once('socket', () => { socket.off('close', leave) })
  }

  #leave (): void {
    if (this.#over) return
    this.#clientGone = true
    if (this.#abort === undefined) this.onError(ClientGoneError())
    else this.#abort(ClientGoneError())
  }
}

/** An answer that a user's function gives later may fail later; the client still gets one. */
export function answered (reply: FastifyReply, result: unknown): void {
  if (result instanceof Promise) result.catch((error: unknown) => { reply.send(error) })
}

/** A user's hook on the way of a WebSocket, which goes on whatever becomes of it. */
function callHook<Args extends unknown[]> (log: FastifyBaseLogger, name: string, hook: ((...args: Args) => unknown) | undefined, ...args: Args): void {
  const failed = (err: unknown): void => { log.error({ err }, `wsHooks.${name} failed`) }
  try {
    const result = hook?.(...args)
    if (result instanceof Promise) result.catch(failed)
  } catch (error) {
    failed(error)
  }
}

/** A 101 with these fields. Node's own would write them as UTF-8. */
function switching (fields: OutgoingHttpHeaders): string {
  const lines = ['HTTP/1.1 101 Switching Protocols']
  for (const [name, value] of Object.entries(fields)) {
    // A hook's; what follows is no content.
    if (/^(?:content-length|transfer-encoding)$/i.test(name)) continue
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each === undefined) continue
      validateHeaderName(name)
      validateHeaderValue(name, String(each))
      lines.push(`${name}: ${each}`)
    }
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** The client's stream when it speaks HTTP/2. */
function http2Stream (request: FastifyRequest): Http2Stream | undefined {
  return (request.raw as unknown as { stream?: Http2Stream }).stream
}

/**
 * reply-from closes the connection of a client that is still sending when its answer comes, and Node resets what is sent to a
 * closed connection, which may cost the client the answer. What is left of a body is read and dropped here, so nothing has to be closed.
 */
function asIfComplete (request: FastifyRequest['raw'], respond: () => void): void {
  if (request.complete) {
    respond()
    return
  }
  // HTTP/2 has a getter for it.
  const own = Object.getOwnPropertyDescriptor(request, 'complete')
  Object.defineProperty(request, 'complete', { value: true, configurable: true })
  try {
    respond()
  } finally {
    if (own === undefined) delete (request as { complete?: boolean }).complete
    else Object.defineProperty(request, 'complete', own)
  }
}

function isClosed (reply: FastifyReply): boolean {
  const { raw, request } = reply
  return raw.destroyed || raw.closed || request.raw.socket?.destroyed === true
}
