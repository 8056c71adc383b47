import { validateHeaderName, validateHeaderValue } from 'node:http'
import replyFrom, { type FastifyReplyFromHooks } from '@fastify/reply-from'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { BadOptionError, show } from './errors.js'
import { answered, Forwarding, PLACEHOLDER, type ForwardingSettings, type Outgoing, type Respond } from './forwarding.js'
import type { HeaderRecord } from './headers.js'
import { climbs, rawUrl, type PrefixRewriter, type Rewritten } from './path.js'
import type { RouteTraffic } from './traffic.js'

/** How the requests of one route are forwarded. */
export interface ForwardSettings extends ForwardingSettings {
  readonly rewrite: PrefixRewriter
  readonly traffic: RouteTraffic
  readonly preRewrite: ((url: string, params: unknown, prefix: string) => string) | undefined
  /** The route's prefix as it was registered, parents' prefixes included. */
  readonly prefix: string
  /** Types of parsed bodies that are sent as JSON. */
  readonly contentTypesToEncode: readonly string[] | undefined
  /** Decides about each request in place of forwarding it. */
  readonly handler: ForwardHandler | undefined
  /** @throws for options that a handler must not give */
  readonly checkReplyOptions: (options: FastifyReplyFromHooks) => void
}

type ForwardHandler = (request: FastifyRequest, reply: FastifyReply, dest: string, options: FastifyReplyFromHooks) => unknown

/**
 * Sends a request through the pool and its answer to the client. Returns at once, since Fastify needs no promise for it; or
 * what a handler returns.
 */
export type Forward = (request: FastifyRequest, reply: FastifyReply) => unknown

/** Where a request keeps its Forwarding, and the one header that carries it through `reply.from`. */
const kForwarding = Symbol('fastify-balancer.forwarding')

declare module 'fastify' {
  interface FastifyRequest {
    [kForwarding]?: Forwarding
  }
}

type From = (this: FastifyReply, source: string, options: FastifyReplyFromHooks) => FastifyReply
type FromOptions = Outgoing & { readonly headers: { readonly [kForwarding]?: Forwarding } }

/** What reply-from takes for an undici instance: it hands every request to the exchange that travels with it. */
const requestable = {
  request (options: FromOptions, callback: Respond): void {
    options.headers[kForwarding]?.send(options, callback)
  }
}

/**
 * reply-from's `reply.from`, without its decorator: the app may have one of its own, with options of its own.
 *
 * Its plugin asks an instance for three things. All that is wanted here is the function it decorates replies with;
 * its hooks warn about `@fastify/multipart`, whose parser is not used, and close agents that it did not open.
 */
function captureFrom (contentTypesToEncode: readonly string[] = []): From {
  let from: From | undefined
  const instance = {
    decorateReply (_name: string, method: From) { from = method },
    addHook () {},
    onClose () {}
  }
  replyFrom(instance as unknown as FastifyInstance, {
    base: PLACEHOLDER,
    undici: requestable as unknown as Dispatcher,
    globalAgent: true,
    disableRequestLogging: true,
    contentTypesToEncode: [...contentTypesToEncode]
  }, error => { if (error !== undefined) throw error })
  if (from === undefined) throw new Error('this version of @fastify/reply-from is not supported')
  return from
}

/**
 * For all routes that ask for nothing in particular. It remembers nothing but the placeholder, and a hundred routes with a hundred of
 * them keep pushing each other out of the processor's caches.
 */
const plainFrom = captureFrom()
const plainOptions = fromOptions({})

/** Makes a route's forward function. */
export function forwarder (settings: ForwardSettings): Forward {
  const from = settings.contentTypesToEncode === undefined ? plainFrom : captureFrom(settings.contentTypesToEncode)
  const options = Object.keys(settings.replyOptions).length === 0 ? plainOptions : fromOptions(settings.replyOptions)
  const { handler, traffic } = settings
  const rewrite = (request: FastifyRequest): Rewritten => {
    const url = settings.preRewrite === undefined ? request.url : settings.preRewrite(request.url, request.params, settings.prefix)
    if (typeof url !== 'string') throw BadOptionError(`preRewrite: returned ${show(url)}, must return a URL`)
    return settings.rewrite(url, request.params as Record<string, string>)
  }
  if (handler === undefined) {
    return (request, reply) => {
      traffic.requests++
      request[kForwarding] = new Forwarding(settings, request, reply, rewrite(request))
      from.call(reply, '/', options)
    }
  }
  return (request, reply) => {
    traffic.requests++
    const rewritten = rewrite(request)
    // An app may have a `reply.from` of its own, which would not go through the pool.
    reply.from = (dest = rewritten.path, replyOptions = settings.replyOptions) => {
      const own = replyOptions === settings.replyOptions
      if (!own) settings.checkReplyOptions(replyOptions)
      request[kForwarding] = new Forwarding(own ? settings : { ...settings, replyOptions }, request, reply, redirected(rewritten, dest))
      return from.call(reply, '/', own ? options : fromOptions(replyOptions))
    }
    return handler(request, reply, rewritten.path, settings.replyOptions)
  }
}

/** What a handler asks for in place of what the client asked for; the client's query goes along unless it brings one. */
function redirected (rewritten: Rewritten, dest: string): Rewritten {
  if (dest === rewritten.path) return rewritten
  if (!dest.startsWith('/') || climbs(dest)) throw BadOptionError("reply.from: must be given a path that begins with '/' and has no '..'")
  const { path, query } = rawUrl(dest)
  return { ...rewritten, path, query: query === '' ? rewritten.query : query }
}

/** Options for reply-from that do what a route's, or a handler's, are meant to do. */
function fromOptions (replyOptions: FastifyReplyFromHooks): FastifyReplyFromHooks {
  const { rewriteRequestHeaders, rewriteHeaders, queryString, body, contentType, onResponse } = replyOptions
  return {
    ...replyOptions,
    // reply-from would write the type into these very options, and take the next request's body for a text.
    ...(body === undefined || body === null || contentType !== undefined ? undefined : { body: JSON.stringify(body), contentType: 'application/json' }),
    // The headers proper travel in the Forwarding: reply-from copies what it is given twice.
    rewriteRequestHeaders: (request, headers) => carrier(request as FastifyRequest, headers as HeaderRecord, rewriteRequestHeaders),
    rewriteHeaders: (headers, request) => {
      const forwarding = forwardingOf(request as FastifyRequest)
      forwarding.moveLocation(headers as HeaderRecord)
      forwarding.keepOwn(headers as HeaderRecord)
      return rewriteHeaders === undefined ? headers : validated(rewriteHeaders(headers, request) ?? headers)
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
}

/** Fields that a user's function has written; Node would find out too late, with half of the answer prepared. */
function validated<Fields extends object> (headers: Fields): Fields {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name)
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined) validateHeaderValue(name, String(each))
  }
  return headers
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
