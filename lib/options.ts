import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyContextConfig, FastifyReply, FastifyRequest, HTTPMethods, RouteShorthandOptions } from 'fastify'
import {
  clientOptionsSchema, elsewhereProperties, hooksSchema, httpUrl, movedProperties, replyElsewhere, undiciOptions, websocketOnly,
  type MovedOptions, type WebSocketClientOptions, type WebSocketHooks
} from './compat.js'
import { BadOptionError } from './errors.js'
import { isBelow } from './location.js'
import { anything, atLeastOne, flag, func, isFunction, isText, list, matching, milliseconds, object, someObject, text, wholeMilliseconds } from './option-types.js'
import { climbs } from './path.js'
import { Pool } from './pool.js'
import type { PoolOptions } from './pool-options.js'
import {
  affinityProperties, breakerProperties, healthProperties, limitProperties, poolProperties, retryProperties, slowStartProperties, timeoutProperties, tlsProperties
} from './pool-schemas.js'
import type { RequestLog } from './request-log.js'
import { check, optionPath, refused, rule } from './schema.js'
import { targetConfig } from './target-config.js'
import type { Underscores } from './underscores.js'

/** What a target answered, as `onResponse` gets it. */
export interface TargetResponse {
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  readonly stream: Readable
}

/** Options of `reply.from`. Those that choose the upstream or repeat requests are the pool's business. */
export interface ReplyOptions {
  /** Sends the answer, in place of `reply.send(response.stream)`. */
  readonly onResponse?: (request: FastifyRequest, reply: FastifyReply, response: TargetResponse) => void
  /** Answers when there is no answer to pass on, in place of `reply.send(error)`. */
  readonly onError?: (reply: FastifyReply, error: { error: Error }) => void
  /** Changes the headers of the answer. */
  readonly rewriteHeaders?: (headers: IncomingHttpHeaders, request?: FastifyRequest) => IncomingHttpHeaders
  /** Changes the headers that are sent. */
  readonly rewriteRequestHeaders?: (request: FastifyRequest, headers: IncomingHttpHeaders) => IncomingHttpHeaders
  /** Takes the place of the client's query; a function returns it without the `?`. */
  readonly queryString?: Readonly<Record<string, unknown>> | ((search: string | undefined, url: string, request: FastifyRequest) => string)
  /** Takes the place of the client's body; as JSON, unless there is a `contentType`. null sends none. */
  readonly body?: unknown
  /** Type of `body`, which must then be a text or a Buffer. */
  readonly contentType?: string
  /** Takes the place of the client's method. */
  readonly method?: HTTPMethods
  /** Milliseconds until the response headers, and between two pieces of the body; in place of the pool's timeouts. */
  readonly timeout?: number
}

/**
 * Handles a request in place of forwarding it. `reply.from` sends it to the pool: to `dest`, unless it is given another path,
 * and with `options`, unless it is given others.
 */
export type RouteHandler = (
  request: FastifyRequest,
  reply: Omit<FastifyReply, 'from'> & { from: (dest?: string, options?: ReplyOptions) => FastifyReply },
  dest: string,
  options: ReplyOptions
) => unknown

/** Options of a Fastify route that make sense for one that is forwarded: hooks, constraints, `bodyLimit`, `config`, … */
export type FastifyRouteOptions = Pick<RouteShorthandOptions, Exclude<keyof typeof fastifyRouteProperties, 'config'>> & {
  /** Read it in hooks as `request.routeOptions.config`. */
  readonly config?: FastifyContextConfig & Readonly<Record<string, unknown>>
}

/** How long a client is willing to wait, in a header field of its own: milliseconds, `1.5s`, or as gRPC writes it. */
export interface DeadlineOptions {
  /** Name of the field. It does not travel on by itself. */
  readonly header: string
  /** Tells targets how much is left, in the same field and notation. Default: false. */
  readonly send?: boolean
  /** Milliseconds: with less than this left, a request is refused at once. Default: 0. */
  readonly minimum?: number
}

/** Decides who may have the decision about a request explained: by a network, a token, a user. Called after the route's own `preHandler`. */
export type ExplainPermission = (request: FastifyRequest) => boolean | Promise<boolean>

export interface RouteOptions extends FastifyRouteOptions {
  /** Requests at this path or below it are forwarded. May have `:params`. Default: empty, every path. */
  readonly prefix?: string
  /** Takes the place of `prefix` in the path that is sent upstream. May use the params of `prefix`. Default: empty. */
  readonly rewritePrefix?: string
  /** Default: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT. */
  readonly httpMethods?: readonly string[]
  /** Paths below the prefix. Default: `['/', '/*']`. */
  readonly routes?: readonly string[]
  /** Sends the client's Host instead of the target's. Default: false. */
  readonly preserveHost?: boolean
  /** Name of this gateway in `Via`; false sends none of its own. Default: `fastify-balancer`. */
  readonly via?: string | false
  /** Tells of this hop in `Forwarded` (RFC 7239) as well. Default: false. A client's own is only sent when `trustProxy` trusts the peer. */
  readonly forwarded?: boolean
  /** What becomes of the client's header fields with a `_` in their names: sent, left out, or answered with a 400. Default: `forward`. */
  readonly underscores?: Underscores
  /** Moves a `Location` below `rewritePrefix` to `prefix`. Default: true. */
  readonly internalRewriteLocationHeader?: boolean
  /** Moves the `Path` of a `Set-Cookie` at or below `rewritePrefix` to `prefix`. Default: false. */
  readonly internalRewriteCookiePath?: boolean
  /**
   * false leaves bodies to the app's parsers and sends what they made of them. Default: true, bytes as they come; with a
   * `preValidation`, which is there to see them, the app's parsers where it has one for the type, and else bytes.
   */
  readonly proxyPayloads?: boolean
  /** Changes the URL before the prefix is rewritten. */
  readonly preRewrite?: (url: string, params: unknown, prefix: string) => string
  /** Who leaves the queue of the pool first, higher before lower: a number, or a function of the request. Default: 0. */
  readonly importance?: number | ((request: FastifyRequest) => number)
  /** Which forwarded requests have a line in the log; `errors`: those that the gateway has answered with an error of its own. Default: true, all. */
  readonly requestLog?: RequestLog
  /** Heeds how long a client is willing to wait. Default: none. */
  readonly deadline?: DeadlineOptions
  /**
   * Takes down how requests are decided upon, for `request.explanation`: true for all of them; a function for those whose client asks for
   * it in `X-Balancer-Explain` and may, which it says by returning true. Those get it in `X-Balancer-Explanation` as well, with the
   * addresses of targets. Default: false.
   */
  readonly explain?: boolean | ExplainPermission
  /** Refuses paths that servers read in different ways: empty segments, `.`, `;`, backslashes, escaped slashes. Default: false. */
  readonly strictPaths?: boolean
  /** Opens WebSockets through the pool. Default: false, a request to upgrade is forwarded as if it had not asked. */
  readonly websocket?: boolean
  /** What is sent to open a WebSocket besides what the client sends. Needs `websocket`. */
  readonly wsClientOptions?: WebSocketClientOptions
  /** Called when a WebSocket is open, and when it is closed. Needs `websocket`. */
  readonly wsHooks?: WebSocketHooks
  /** Types of parsed bodies that are sent as JSON, besides `application/json`. Default: none. */
  readonly contentTypesToEncode?: readonly string[]
  /** Takes the place of forwarding: answers itself, or calls `reply.from(dest, options)`. `dest` is the rewritten path, without the query. */
  readonly handler?: RouteHandler
  /** Options for `reply.from`: `onResponse`, `onError`, `rewriteHeaders`, `rewriteRequestHeaders`, `queryString`, … */
  readonly replyOptions?: ReplyOptions
}

/** The long form: any number of pools and routes. */
export interface GatewayOptions {
  /** Options, or a pool of another app, which this app does not start, end or look after. */
  readonly pools?: Readonly<Record<string, PoolOptions | Pool>>
  /** Each names a pool of this registration or of an earlier one. */
  readonly routes?: ReadonlyArray<RouteOptions & { readonly pool: string }>
  /** Goes before the prefix of every route. */
  readonly prefix?: string
  /** That of every route that does not say. */
  readonly requestLog?: RequestLog
  readonly targets?: never
  readonly discovery?: never
  readonly upstream?: never
}

/** The short form: one pool on one prefix. */
export interface ShortOptions extends PoolOptions, RouteOptions, Omit<MovedOptions, 'beforeHandler'> {
  /** A pool of one. Its path goes before every path, unless `rewritePrefix` begins with it. */
  readonly upstream?: string
  /** Name of the pool. Default: the prefix without its outer slashes, or `default`. */
  readonly name?: string
  /** Another name of `preHandler`. */
  readonly beforeHandler?: RouteOptions['preHandler']
  readonly pools?: never
}

export type BalancerOptions = GatewayOptions | ShortOptions

/** Both forms as one. */
export interface Configuration {
  readonly pools: ReadonlyArray<{ readonly name: string, readonly path: string, readonly options: PoolOptions | Pool }>
  readonly routes: ReadonlyArray<{ readonly path: string, readonly options: RouteOptions & { readonly pool: string, readonly websocketPool?: string } }>
}

const hook = rule('a function or a list of functions', value => isFunction(value) || (Array.isArray(value) && value.every(isFunction)))
const method = matching('a method, in upper or lower case', /^[A-Za-z-]+$/)
export const ownName = rule('a text that is not empty and not the name of a property of every object',
  value => typeof value === 'string' && value !== '' && !(value in Object.prototype), false, { type: 'string', minLength: 1 })

const isPool = rule('a pool', value => value instanceof Pool)

const fastifyRouteProperties = {
  attachValidation: flag,
  bodyLimit: atLeastOne,
  config: someObject,
  constraints: someObject,
  errorHandler: func,
  exposeHeadRoute: flag,
  handlerTimeout: atLeastOne,
  logLevel: text,
  logSerializers: someObject,
  onError: hook,
  onRequest: hook,
  onRequestAbort: hook,
  onResponse: hook,
  onSend: hook,
  onTimeout: hook,
  prefixTrailingSlash: { enum: ['slash', 'no-slash', 'both'] },
  preHandler: hook,
  preParsing: hook,
  preSerialization: hook,
  preValidation: hook,
  schema: anything,
  schemaErrorFormatter: func,
  serializerCompiler: func,
  validatorCompiler: func
} as const satisfies Partial<Record<keyof RouteShorthandOptions, object>>

const replySchema = object({
  onResponse: func,
  onError: func,
  rewriteHeaders: func,
  rewriteRequestHeaders: func,
  queryString: rule('an object or a function', value => isFunction(value) || (typeof value === 'object' && value !== null), false, { type: 'object' }),
  body: rule('anything but a stream', value => !isFunction((value as { pipe?: unknown } | null)?.pipe), false, {}),
  contentType: text,
  method: matching('a method in upper case', /^[A-Z-]+$/),
  timeout: wholeMilliseconds,
  ...replyElsewhere
} satisfies Record<keyof ReplyOptions, object> & Record<string, object>)

const deadlineProperties = {
  header: matching('the name of a header field', /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/),
  send: flag,
  minimum: milliseconds
} satisfies Record<keyof DeadlineOptions, object>

const VIA = /^[!#$%&'*+.^_`|~\dA-Za-z-]+(?::\d+)?$/

const forwardProperties = {
  prefix: rule("empty or a path that begins with '/', without '?', '#', '*' and '..'", isPrefix, false, { type: 'string', pattern: '^(?:/.*)?$' }),
  rewritePrefix: rule("empty or a path that begins with '/', in ASCII, without '?', '#' and '..'",
    value => isText(/^(?:\/[!-~]*)?$/)(value) && !/[?#]/.test(String(value)) && !climbs(String(value)), false, { type: 'string', pattern: '^(?:/[!"$->@-~]*)?$' }),
  httpMethods: { ...list, items: method },
  routes: { ...list, items: matching("a path that begins with '/'", /^\//) },
  preserveHost: flag,
  via: rule('a name without spaces, or false', value => value === false || isText(VIA)(value), false, { anyOf: [{ const: false }, { type: 'string', pattern: VIA.source }] }),
  forwarded: flag,
  underscores: { enum: ['forward', 'drop', 'reject'] },
  internalRewriteLocationHeader: flag,
  internalRewriteCookiePath: flag,
  proxyPayloads: flag,
  preRewrite: func,
  importance: rule('a finite number or a function', value => isFunction(value) || Number.isFinite(value), false, { type: 'number' }),
  requestLog: { enum: [true, false, 'errors'] },
  deadline: object(deadlineProperties, ['header']),
  explain: rule('true, false or a function', value => typeof value === 'boolean' || isFunction(value)),
  strictPaths: flag,
  websocket: flag,
  wsClientOptions: clientOptionsSchema,
  wsHooks: hooksSchema,
  contentTypesToEncode: { type: 'array', items: matching('a type such as application/vnd.api+json', /^[\w.+-]+\/[\w.+-]+$/) },
  handler: func,
  replyOptions: replySchema
} satisfies Record<Exclude<keyof RouteOptions, keyof FastifyRouteOptions>, object>

export const routeProperties = { ...forwardProperties, ...fastifyRouteProperties }
const moved = movedProperties({ tls: poolProperties.tls, ...timeoutProperties })
/** Taken, but not worth naming to whoever has mistyped another. */
const onlyMoved = Object.fromEntries(Object.entries(moved).filter(([name]) => name !== 'wsUpstream').map(([name, schema]) => [name, { ...schema, deprecated: true }]))
export const shortOnly = Object.fromEntries(Object.keys(moved).map(key => [key, refused('belongs to the short form, which this prefix may have')]))

function isPrefix (value: unknown): boolean {
  if (!isText(/^(?:\/.*)?$/)(value) || climbs(String(value))) return false
  // The pattern of a param may have any of them.
  return !/[?#*]/.test(String(value).replace(/\(.*?\)(?=[/.:-]|$)/g, ''))
}

const gatewaySchema = object({
  pools: { type: 'object', propertyNames: ownName, additionalProperties: { if: isPool, then: anything, else: object(poolProperties) } },
  routes: { type: 'array', items: { ...object({ ...routeProperties, pool: text, ...shortOnly, ...elsewhereProperties }, ['pool']), ...websocketOnly } },
  ...Object.fromEntries(['upstream', 'name', ...Object.keys(poolProperties), ...Object.keys(routeProperties)]
    .filter(key => key !== 'routes')
    .map(key => [key, refused('belongs to the short form, and there are pools or routes')])),
  prefix: routeProperties.prefix,
  requestLog: routeProperties.requestLog,
  // What Fastify itself understands when a plugin is registered.
  logLevel: text,
  logSerializers: someObject,
  ...shortOnly,
  ...elsewhereProperties
})

const shortSchema = {
  ...object({
    ...poolProperties,
    ...routeProperties,
    wsUpstream: moved.wsUpstream,
    upstream: rule('a URL; several are given as targets, among which a policy chooses', value => typeof value === 'string' && value !== ''),
    name: ownName,
    pools: refused('belongs to the long form'),
    ...onlyMoved,
    ...elsewhereProperties
  } satisfies Record<Exclude<keyof ShortOptions, Exclude<keyof MovedOptions, 'wsUpstream'>>, object>),
  ...websocketOnly
}

/** What the manual has to describe; the options of Fastify's routes and of `reply.from` are described by them. */
export const OPTION_NAMES: readonly string[] = [
  'pools', 'routes', 'pool', 'name', 'upstream', 'targets[].weight', 'targets[].priority', 'targets[].zone', 'targets[].host', 'policy.key', 'policy.fallback',
  ...Object.keys(poolProperties).filter(name => name !== 'timeouts' && name !== 'tls'),
  ...Object.keys(retryProperties).map(name => `retries.${name}`),
  ...Object.keys(breakerProperties).map(name => `breaker.${name}`),
  ...Object.keys(limitProperties).map(name => `limits.${name}`),
  ...Object.keys(slowStartProperties).map(name => `slowStart.${name}`),
  ...Object.keys(affinityProperties).map(name => `affinity.${name}`),
  ...Object.keys(timeoutProperties).map(name => `timeouts.${name}`),
  ...Object.keys(tlsProperties).map(name => `tls.${name}`),
  ...Object.keys(healthProperties).map(name => `health.${name}`),
  ...Object.keys(forwardProperties).filter(name => name !== 'deadline'),
  ...Object.keys(deadlineProperties).map(name => `deadline.${name}`), 'wsUpstream'
]

/** @throws BadOptionError for what may not be given to `reply.from` within a handler */
export function checkReplyOptions (options: ReplyOptions): void {
  check(replySchema, options)
}

/**
 * Checks what was registered and brings both forms into one.
 *
 * @throws BadOptionError naming the path of the option, its value and what is allowed
 */
export function configuration (options: BalancerOptions): Configuration {
  // `routes` is a list of routes in the long form and of paths in the short one.
  const short = options.pools === undefined && (options.routes === undefined || options.targets !== undefined || options.discovery !== undefined || options.upstream !== undefined)
  return short ? shortConfiguration(options as ShortOptions) : gatewayConfiguration(options as GatewayOptions)
}

function gatewayConfiguration (options: GatewayOptions): Configuration {
  check(gatewaySchema, options)
  const { pools = {}, routes = [], prefix = '', requestLog } = options
  const before = prefix.replace(/\/+$/, '')
  return {
    pools: Object.entries(pools).map(([name, pool]) => ({ name, path: optionPath('pools', name), options: pool })),
    routes: routes.map((route, i) => ({ path: `routes[${i}]`, options: { ...(requestLog === undefined ? undefined : { requestLog }), ...route, prefix: before + (route.prefix ?? '') } }))
  }
}

function shortConfiguration (options: ShortOptions): Configuration {
  check(shortSchema, options)
  const { upstream, name, wsUpstream, beforeHandler, undici, ...rest } = options
  if (upstream === undefined && rest.targets === undefined && rest.discovery === undefined) {
    throw BadOptionError('targets: missing, must be a list of URLs; or give discovery, upstream, or pools and routes')
  }
  if (upstream !== undefined && rest.targets !== undefined) throw BadOptionError('upstream: there are targets, must be left out')
  if (upstream !== undefined && rest.discovery !== undefined) throw BadOptionError('upstream: there is discovery, must be left out')
  if (beforeHandler !== undefined && rest.preHandler !== undefined) throw BadOptionError('beforeHandler: there is a preHandler, must be left out')
  if (upstream !== undefined) targetConfig(upstream, 'upstream')
  const pool = { ...Object.fromEntries(Object.keys(poolProperties).map(key => [key, rest[key as keyof PoolOptions]])), ...undiciOptions(undici, rest) }
  const route = {
    ...Object.fromEntries(Object.keys(routeProperties).filter(key => key in rest).map(key => [key, rest[key as keyof RouteOptions]])),
    ...(beforeHandler === undefined ? undefined : { preHandler: beforeHandler })
  }
  const poolName = name ?? ((options.prefix ?? '').replace(/^\/+|\/+$/g, '') || 'default')
  const path = upstream === undefined ? '' : new URL(upstream).pathname.replace(/\/+$/, '')
  // In @fastify/http-proxy a rewritePrefix has to repeat the path.
  const base = isBelow(rest.rewritePrefix ?? '', path) ? '' : path
  const targets = upstream === undefined ? rest.targets : [new URL(upstream).origin + base]
  const pools = [{ name: poolName, path: '', options: { ...pool, ...(targets === undefined ? undefined : { targets }) } }]
  if (wsUpstream === undefined) return { pools, routes: [{ path: '', options: { ...route, pool: poolName } }] }
  const websocketPool = `${poolName}:websocket`
  const websocketTarget = targetConfig(httpUrl(wsUpstream), 'wsUpstream').url + base
  return {
    pools: [...pools, { name: websocketPool, path: '', options: { ...pool, affinity: undefined, discovery: undefined, discoveryTimeout: undefined, targets: [websocketTarget] } }],
    routes: [{ path: '', options: { ...route, pool: poolName, websocketPool } }]
  }
}
