import { context, propagation, SpanKind, SpanStatusCode, trace, type Attributes, type Context, type Span, type Tracer } from '@opentelemetry/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { systemClock } from '../clock.js'
import { withoutQuery, type ExchangeEnd } from '../events.js'
import { printable } from '../printable.js'
import { addOriginalMethod, addResult, methodOf, spanName } from './semantics.js'

const kServed = Symbol('fastify-balancer.opentelemetry')

declare module 'fastify' {
  interface FastifyRequest {
    [kServed]?: Served
  }
}

/** Told how long a request took, in seconds. */
export type Measure = (seconds: number, attributes: Attributes, context: Context) => void

/** A request of a client, from its headers to the last byte of the answer; the parent of its attempts. */
export class Served {
  readonly context: Context
  readonly #span: Span | undefined
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #measure: Measure
  readonly #started = systemClock.now()
  #exchange: ExchangeEnd | undefined
  #over = false

  /** @param span its own; undefined when the app has one for it already, or wants none */
  constructor (parent: Context, span: Span | undefined, request: FastifyRequest, reply: FastifyReply, measure: Measure) {
    this.context = span === undefined ? parent : trace.setSpan(parent, span)
    this.#span = span
    this.#request = request
    this.#reply = reply
    this.#measure = measure
    reply.raw.once('finish', this.#onFinish).once('close', this.#onClose)
  }

  /** The pool is done with it. */
  forwarded (exchange: ExchangeEnd): void {
    this.#exchange = exchange
    // The response that Fastify knows is never sent: the connection has been a WebSocket until now.
    if (exchange.status === 101) this.#end(101)
  }

  readonly #onFinish = (): void => { this.#end(this.#reply.statusCode) }

  /** Whoever else hears of it adds what it knows first. */
  readonly #onClose = (): void => {
    process.nextTick(() => { this.#end(this.#reply.raw.headersSent ? this.#reply.statusCode : undefined, !this.#reply.raw.writableFinished) })
  }

  #end (status: number | undefined, cut = false): void {
    if (this.#over) return
    this.#over = true
    const error = this.#errorType(status, cut)
    const request = this.#request
    const { url: route } = request.routeOptions
    const span = this.#span
    if (span !== undefined) {
      if (span.isRecording()) span.setAttributes(addResult({}, status, error))
      if (error !== undefined && error !== 'client_gone') span.setStatus({ code: SpanStatusCode.ERROR, ...this.#message() })
      span.end()
    }
    if (status !== 101) {
      const attributes: Attributes = { 'http.request.method': methodOf(request.method), 'url.scheme': request.protocol, 'network.protocol.version': request.raw.httpVersion }
      if (route !== undefined) attributes['http.route'] = route
      this.#measure((systemClock.now() - this.#started) / 1000, addResult(attributes, status, error), this.context)
    }
  }

  /** What the pool says is more than a status does. */
  #errorType (status: number | undefined, cut: boolean): string | undefined {
    const { code, error } = this.#exchange ?? {}
    if (error !== undefined && (code === 'client_gone' || cut || (status ?? 0) >= 500)) return code
    if (cut) return 'client_gone'
    return status !== undefined && status >= 500 ? String(status) : undefined
  }

  #message (): { message?: string } {
    const { error } = this.#exchange ?? {}
    return error === undefined ? {} : { message: printable(error.message) }
  }
}

/** The context in which a request is served, or what is active when it is not one of a client's. */
export function contextOf (request: unknown): Context {
  if (request === undefined) return context.active()
  const served = (request as FastifyRequest)[kServed]
  return theirContext(request) ?? served?.context ?? context.active()
}

/** What became of a request that a pool is done with: on its own span, or on the one that the app has for it. */
export function tell (exchange: ExchangeEnd): void {
  if (exchange.request === undefined) return
  const { pool, code, attempts, waited } = exchange
  const span = trace.getSpan(contextOf(exchange.request))
  if (span?.isRecording() === true) {
    const attributes: Attributes = { 'fastify_balancer.pool': pool, 'fastify_balancer.reason': code, 'fastify_balancer.attempts': attempts.length }
    if (waited > 0) attributes['fastify_balancer.waited'] = waited / 1000
    span.setAttributes(attributes)
  }
  ;(exchange.request as FastifyRequest)[kServed]?.forwarded(exchange)
}

/** Begins to serve a request. @returns the context for everything that is done for it */
export function serve (tracer: Tracer | undefined, request: FastifyRequest, reply: FastifyReply, measure: Measure): Context {
  const active = context.active()
  if (hasSpan(active) || 'opentelemetry' in request) return active
  const parent = tracer === undefined ? active : propagation.extract(active, request.headers)
  const span = tracer?.startSpan(spanName(request.method, request.routeOptions.url), { kind: SpanKind.SERVER, attributes: requestAttributes(request) }, parent)
  const served = request[kServed] = new Served(parent, span, request, reply, measure)
  return served.context
}

/** That of @fastify/otel. */
function theirContext (request: unknown): Context | undefined {
  const { opentelemetry } = request as { opentelemetry?: () => { context?: Context | null } }
  return typeof opentelemetry === 'function' ? opentelemetry.call(request).context ?? undefined : undefined
}

/** Whether somebody else traces the request. An app that was started within a span has that one active for ever, but it has ended. */
function hasSpan (active: Context): boolean {
  const span = trace.getSpan(active) as (Span & { readonly ended?: boolean }) | undefined
  return span !== undefined && span.ended !== true && span.spanContext().isRemote !== true
}

function requestAttributes (request: FastifyRequest): Attributes {
  const { routeOptions: { url: route }, headers: { 'user-agent': agent } } = request
  const { method, hostname } = request
  const port = request.port as number | null
  const attributes: Attributes = {
    'http.request.method': methodOf(method),
    'url.scheme': request.protocol,
    'url.path': withoutQuery(request.url),
    'client.address': request.ip,
    'network.protocol.version': request.raw.httpVersion
  }
  addOriginalMethod(attributes, method)
  if (route !== undefined) attributes['http.route'] = route
  if (hostname !== '') attributes['server.address'] = hostname
  if (typeof port === 'number') attributes['server.port'] = port
  if (agent !== undefined) attributes['user_agent.original'] = agent
  return attributes
}
