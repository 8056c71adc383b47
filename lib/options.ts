import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import type { Readable } from 'node:stream'
import { isRegExp } from 'node:util/types'
import type { FastifyContextConfig, FastifyReply, FastifyRequest, HTTPMethods, RouteShorthandOptions } from 'fastify'
import type { Clock } from './clock.js'
import {
  clientOptionsSchema, elsewhereProperties, hooksSchema, httpUrl, movedProperties, replyElsewhere, undiciOptions, websocketOnly,
  type MovedOptions, type WebSocketClientOptions, type WebSocketHooks
} from './compat.js'
import { BadOptionError, show } from './errors.js'
import type { Probe } from './health/active.js'
import { httpProbe } from './health/probes/http.js'
import { tcpProbe } from './health/probes/tcp.js'
import type { KeyOption } from './key.js'
import { isBelow } from './location.js'
import type { Observer } from './observer.js'
import { first } from './policies/first.js'
import { hash } from './policies/hash.js'
import { leastRequests } from './policies/least-requests.js'
import { p2c } from './policies/p2c.js'
import { random } from './policies/random.js'
import { roundRobin } from './policies/round-robin.js'
import { climbs } from './path.js'
import type { Policy, PolicyFactory } from './policy.js'
import { assertDistinct, type PoolLogger, type PoolSettings } from './pool.js'
import { safeRetry } from './retry.js'
import { check, optionPath, refused, rule } from './schema.js'
import { targetConfig, type TargetConfig, type Timeouts } from './target.js'
import { Tls, type TlsOptions } from './tls.js'
import type { Underscores } from './underscores.js'

/** Policies that need no options of their own. A new policy is one file and one line here. */
const POLICIES = {
  'round-robin': roundRobin,
  random,
  'least-requests': leastRequests,
  p2c,
  first
} as const satisfies Record<string, PolicyFactory>

export type PolicyName = keyof typeof POLICIES

/** `hash` needs to know what to hash. */
export interface HashPolicyOptions {
  readonly name: 'hash'
  /** What makes requests go to the same target. */
  readonly key: KeyOption
  /** Picks when a request has no such key. Default: `random`. */
  readonly fallback?: PolicyName
}

export type PolicyOption = PolicyName | HashPolicyOptions | Policy

/** Active health checks. Times are in milliseconds. */
export interface HealthOptions {
  /** `http` asks for `path`; `tcp` connects, and for `https:` targets completes the handshake. Default: `http`. */
  readonly type?: 'http' | 'tcp'
  /** Path below the target's base path. Required for `http`. */
  readonly path?: string
  /** Default: `GET`. */
  readonly method?: string
  /** Sent with every probe. Default: none but a `user-agent`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Statuses that are well: 200, '200-299' or a list of both. Default: `'200-299'`. */
  readonly status?: number | string | ReadonlyArray<number | string>
  /** What the first 64 KiB of the body must contain (a text) or match. Default: nothing is asked of it. */
  readonly body?: string | RegExp
  /** Port to probe. Default: the target's own. */
  readonly port?: number
  /** From the end of a probe to the start of the next. Default: 5000. */
  readonly interval?: number
  /** Share of the interval by which it varies either way, 0 to 1. Default: 0.1. */
  readonly jitter?: number
  /** Default: 2000. */
  readonly timeout?: number
  /** Successes in a row that bring a target up. Default: 2. */
  readonly rise?: number
  /** Failures in a row that bring a target down. Default: 3. */
  readonly fall?: number
  /** What the configured targets are until probed. Targets added later are down until their first success. Default: `up`. */
  readonly initial?: 'up' | 'down'
  /** Replaces both types: resolves when the target is well and rejects with the reason when it is not. */
  readonly probe?: Probe
}

export interface PoolOptions {
  /** URLs, or URLs with weights. A base path is allowed, credentials are not. */
  readonly targets: ReadonlyArray<string | TargetConfig>
  /** Default: `round-robin`. */
  readonly policy?: PolicyOption
  /** Further attempts on other targets after the first, when that is safe; 0 means none. Default: 2. */
  readonly retries?: number
  /** Bytes of a streamed request body that are kept for a further attempt. Default: 65536. */
  readonly replayBytes?: number
  /** Share of targets that must be up, 0 to 1; below it health is ignored. 0: only when none is up. Default: 0.5, and 0 for `first`. */
  readonly panic?: number
  /** Default: no health checks. */
  readonly health?: HealthOptions
  /** Milliseconds; 0 switches one off. Defaults: connect 2000, headers 30000, idle 60000, tunnel 3600000, grace 10000. */
  readonly timeouts?: Partial<Timeouts>
  readonly tls?: TlsOptions
  /** Told of every attempt and every change of health. */
  readonly observers?: readonly Observer[]
}

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
  readonly pools?: Readonly<Record<string, PoolOptions>>
  /** Each names a pool of this registration or of an earlier one. */
  readonly routes?: ReadonlyArray<RouteOptions & { readonly pool: string }>
  /** Goes before the prefix of every route. */
  readonly prefix?: string
  readonly targets?: never
  readonly upstream?: never
}

/** The short form: one pool on one prefix. */
export interface ShortOptions extends Omit<PoolOptions, 'targets'>, RouteOptions, Omit<MovedOptions, 'beforeHandler'> {
  readonly targets?: ReadonlyArray<string | TargetConfig>
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
  readonly pools: ReadonlyArray<{ readonly name: string, readonly path: string, readonly options: PoolOptions }>
  readonly routes: ReadonlyArray<{ readonly path: string, readonly options: RouteOptions & { readonly pool: string, readonly websocketPool?: string } }>
}

const anything = {}
/** Longer timers fire at once, with a warning. */
const LONGEST_TIMER = 2 ** 31 - 1
const milliseconds = { type: 'number', minimum: 0, maximum: LONGEST_TIMER }
const wholeMilliseconds = { type: 'integer', minimum: 0, maximum: LONGEST_TIMER }
const count = { type: 'integer', minimum: 0 }
const atLeastOne = { type: 'integer', minimum: 1 }
const share = { type: 'number', minimum: 0, maximum: 1 }
const flag = { type: 'boolean' }
const text = { type: 'string', minLength: 1 }
const list = { type: 'array', minItems: 1, uniqueItems: true }
const someObject = { type: 'object' }
const isObject = rule('an object', value => typeof value === 'object' && value !== null && !Array.isArray(value), true)
const func = rule('a function', isFunction)
const hook = rule('a function or a list of functions', value => isFunction(value) || (Array.isArray(value) && value.every(isFunction)))
const pem = rule('PEM, as a text or a Buffer', isPem, true)
const pems = rule('PEM, as a text or a Buffer, or a list of them', value => isPem(value) || (Array.isArray(value) && value.length > 0 && value.every(isPem)), true)
const paths = rule('a path, or a list of paths', value => isText(/./)(value) || (Array.isArray(value) && value.length > 0 && value.every(isText(/./))))
const secret = rule('a text that is not empty', isText(/./), true)
const method = rule('a method, in upper or lower case', isText(/^[a-z-]+$/i))
const ownName = rule('a text that is not empty and not the name of a property of every object',
  value => typeof value === 'string' && value !== '' && !(value in Object.prototype))

function isFunction (value: unknown): boolean {
  return typeof value === 'function'
}

function isText (pattern: RegExp): (value: unknown) => boolean {
  return value => typeof value === 'string' && pattern.test(value)
}

/** What OpenSSL has no objection to: it takes any text for a list of no authorities. */
function isPem (value: unknown): boolean {
  return (typeof value === 'string' || Buffer.isBuffer(value)) && value.includes('-----BEGIN ')
}

function object (properties: Record<string, object>, required: readonly string[] = []): object {
  return { type: 'object', properties, required, additionalProperties: false }
}

const healthProperties = {
  type: { enum: ['http', 'tcp'] },
  path: rule("a path that begins with '/', in ASCII and without a fragment", isText(/^\/[!"$-~]*$/)),
  method: rule('a method in upper case other than CONNECT', isText(/^(?!CONNECT$)[A-Z-]+$/)),
  headers: {
    type: 'object',
    // undici writes these itself, and refuses to be told.
    propertyNames: rule('letters, digits and hyphens, and not connection, content-length, expect, keep-alive, transfer-encoding or upgrade',
      isText(/^(?!(?:connection|content-length|expect|keep-alive|transfer-encoding|upgrade)$)[!#$%&'*+.^_`|~\dA-Z-]+$/i)),
    // May be a password.
    additionalProperties: rule('a text without line breaks', isText(/^[\t\x20-\x7e\x80-\xff]*$/), true)
  },
  // Checked when it is parsed.
  status: anything,
  body: rule('a text or a regular expression', value => typeof value === 'string' || isRegExp(value)),
  port: { type: 'integer', minimum: 1, maximum: 65535 },
  // The jitter may double it.
  interval: { type: 'number', exclusiveMinimum: 0, maximum: Math.floor(LONGEST_TIMER / 2) },
  jitter: share,
  timeout: { type: 'number', exclusiveMinimum: 0, maximum: LONGEST_TIMER },
  rise: atLeastOne,
  fall: atLeastOne,
  initial: { enum: ['up', 'down'] },
  probe: func
} satisfies Record<keyof HealthOptions, object>

const hashSchema = object({
  name: { const: 'hash' },
  key: {
    if: isObject,
    then: { ...object({ header: text, cookie: text, query: text }), minProperties: 1, maxProperties: 1 },
    else: rule("'path', 'address', a function, { header }, { cookie } or { query }",
      value => value === 'path' || value === 'address' || isFunction(value))
  },
  fallback: { enum: Object.keys(POLICIES) }
} satisfies Record<keyof HashPolicyOptions, object>, ['name', 'key'])

const timeoutProperties = {
  connect: milliseconds, headers: wholeMilliseconds, idle: wholeMilliseconds, tunnel: milliseconds, grace: milliseconds
} satisfies Record<keyof Timeouts, object>

const tlsProperties = {
  ca: pems,
  caFile: paths,
  cert: pem,
  certFile: text,
  key: pem,
  keyFile: text,
  passphrase: secret,
  reloadInterval: milliseconds,
  servername: rule('a host name', value => isText(/^[a-z\d](?:[a-z\d._-]*[a-z\d.])?$/i)(value) && isIP(String(value)) === 0),
  rejectUnauthorized: flag
} satisfies Record<keyof TlsOptions, object>

const poolProperties = {
  // Each is checked when it is parsed, by the same function as the targets that are added later.
  targets: { type: 'array', minItems: 1 },
  policy: {
    if: isObject,
    then: hashSchema,
    else: rule(`one of ${Object.keys(POLICIES).map(show).join(', ')}, { name: 'hash', key } or a function`,
      value => isFunction(value) || (typeof value === 'string' && Object.hasOwn(POLICIES, value)))
  },
  retries: count,
  replayBytes: count,
  panic: share,
  health: object(healthProperties),
  timeouts: object(timeoutProperties),
  tls: {
    if: isObject,
    then: object(tlsProperties),
    // Whatever it is instead may well be a key.
    else: isObject
  },
  observers: {
    type: 'array',
    items: rule('an object with a function settled or healthChanged', isObserver)
  }
} satisfies Record<keyof PoolOptions, object>

function isObserver (value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { settled, healthChanged } = value as Record<keyof Observer, unknown>
  const methods = [settled, healthChanged].filter(method => method !== undefined)
  return methods.length > 0 && methods.every(isFunction)
}

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
  queryString: rule('an object or a function', value => isFunction(value) || (typeof value === 'object' && value !== null)),
  body: rule('anything but a stream', value => !isFunction((value as { pipe?: unknown } | null)?.pipe)),
  contentType: text,
  method: rule('a method in upper case', isText(/^[A-Z-]+$/)),
  timeout: wholeMilliseconds,
  ...replyElsewhere
} satisfies Record<keyof ReplyOptions, object> & Record<string, object>)

const forwardProperties = {
  prefix: rule("empty or a path that begins with '/', without '?', '#', '*' and '..'", isPrefix),
  rewritePrefix: rule("empty or a path that begins with '/', in ASCII, without '?', '#' and '..'",
    value => isText(/^(?:\/[!-~]*)?$/)(value) && !/[?#]/.test(String(value)) && !climbs(String(value))),
  httpMethods: { ...list, items: method },
  routes: { ...list, items: rule("a path that begins with '/'", isText(/^\//)) },
  preserveHost: flag,
  via: rule('a name without spaces, or false', value => value === false || isText(/^[!#$%&'*+.^_`|~\dA-Z-]+(?::\d+)?$/i)(value)),
  forwarded: flag,
  underscores: { enum: ['forward', 'drop', 'reject'] },
  internalRewriteLocationHeader: flag,
  internalRewriteCookiePath: flag,
  proxyPayloads: flag,
  preRewrite: func,
  strictPaths: flag,
  websocket: flag,
  wsClientOptions: clientOptionsSchema,
  wsHooks: hooksSchema,
  contentTypesToEncode: { type: 'array', items: rule('a type such as application/vnd.api+json', isText(/^[\w.+-]+\/[\w.+-]+$/)) },
  handler: func,
  replyOptions: replySchema
} satisfies Record<Exclude<keyof RouteOptions, keyof FastifyRouteOptions>, object>

const routeProperties = { ...forwardProperties, ...fastifyRouteProperties }
const moved = movedProperties({ tls: poolProperties.tls, ...timeoutProperties })
/** Taken, but not worth naming to whoever has mistyped another. */
const onlyMoved = Object.fromEntries(Object.entries(moved).filter(([name]) => name !== 'wsUpstream').map(([name, schema]) => [name, { ...schema, deprecated: true }]))
const shortOnly = Object.fromEntries(Object.keys(moved).map(key => [key, refused('belongs to the short form, which this prefix may have')]))

function isPrefix (value: unknown): boolean {
  if (!isText(/^(?:\/.*)?$/)(value) || climbs(String(value))) return false
  // The pattern of a param may have any of them.
  return !/[?#*]/.test(String(value).replace(/\(.*?\)(?=[/.:-]|$)/g, ''))
}

const gatewaySchema = object({
  pools: { type: 'object', propertyNames: ownName, additionalProperties: object(poolProperties, ['targets']) },
  routes: { type: 'array', items: { ...object({ ...routeProperties, pool: text, ...shortOnly, ...elsewhereProperties }, ['pool']), ...websocketOnly } },
  ...Object.fromEntries(['upstream', 'name', ...Object.keys(poolProperties), ...Object.keys(routeProperties)]
    .filter(key => key !== 'routes')
    .map(key => [key, refused('belongs to the short form, and there are pools or routes')])),
  prefix: routeProperties.prefix,
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
  'pools', 'routes', 'pool', 'name', 'upstream', 'targets[].weight', 'policy.key', 'policy.fallback',
  ...Object.keys(poolProperties).filter(name => name !== 'timeouts' && name !== 'tls'),
  ...Object.keys(timeoutProperties).map(name => `timeouts.${name}`),
  ...Object.keys(tlsProperties).map(name => `tls.${name}`),
  ...Object.keys(healthProperties).map(name => `health.${name}`),
  ...Object.keys(forwardProperties), 'wsUpstream'
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
  const short = options.pools === undefined && (options.routes === undefined || options.targets !== undefined || options.upstream !== undefined)
  return short ? shortConfiguration(options as ShortOptions) : gatewayConfiguration(options as GatewayOptions)
}

function gatewayConfiguration (options: GatewayOptions): Configuration {
  check(gatewaySchema, options)
  const { pools = {}, routes = [], prefix = '' } = options
  const before = prefix.replace(/\/+$/, '')
  return {
    pools: Object.entries(pools).map(([name, pool]) => ({ name, path: optionPath('pools', name), options: pool })),
    routes: routes.map((route, i) => ({ path: `routes[${i}]`, options: { ...route, prefix: before + (route.prefix ?? '') } }))
  }
}

function shortConfiguration (options: ShortOptions): Configuration {
  check(shortSchema, options)
  const { upstream, name, wsUpstream, beforeHandler, undici, ...rest } = options
  if (upstream === undefined && rest.targets === undefined) throw BadOptionError('targets: missing, must be a list of URLs; or give upstream, or pools and routes')
  if (upstream !== undefined && rest.targets !== undefined) throw BadOptionError('upstream: there are targets, must be left out')
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
  const targets = rest.targets ?? [new URL(upstream ?? '').origin + base]
  const pools = [{ name: poolName, path: '', options: { ...pool, targets } }]
  if (wsUpstream === undefined) return { pools, routes: [{ path: '', options: { ...route, pool: poolName } }] }
  const websocketPool = `${poolName}:websocket`
  const websocketTarget = targetConfig(httpUrl(wsUpstream), 'wsUpstream').url + base
  return {
    pools: [...pools, { name: websocketPool, path: '', options: { ...pool, targets: [websocketTarget] } }],
    routes: [{ path: '', options: { ...route, pool: poolName, websocketPool } }]
  }
}

/** A pool's options with everything decided. `path` is where they stand, for messages. */
export function poolSettings (name: string, options: PoolOptions, path: string, log: PoolLogger, clock: Clock): PoolSettings {
  const {
    policy = 'round-robin', retries = 2, replayBytes = 64 * 1024, panic = policy === 'first' ? 0 : 0.5, health, timeouts = {}, observers = []
  } = options
  const { connect = 2000, headers = 30_000, idle = 60_000, tunnel = 3_600_000, grace = 10_000 } = timeouts
  const within = (key: string): string => path === '' ? key : `${path}.${key}`
  // Not map: it would skip the holes of a sparse list.
  const targets = Array.from(options.targets, (target, i) => targetConfig(target, within(`targets[${i}]`)))
  assertDistinct(targets, within('targets'))
  if (targets.every(target => target.weight === 0)) throw BadOptionError(`${within('targets')}: every weight is 0, must be > 0 for at least one`)
  const tls = new Tls(options.tls ?? {}, within('tls'), name, log, clock)
  return {
    name,
    targets,
    policy: makePolicy(policy, clock),
    retry: safeRetry,
    retries,
    replayBytes,
    panic,
    health: health === undefined ? undefined : healthSettings(health, tls, within('health'), clock),
    timeouts: { connect, headers, idle, tunnel, grace },
    tls,
    observers,
    log,
    clock
  }
}

function makePolicy (option: PolicyOption, clock: Clock): Policy {
  if (typeof option === 'function') return option
  if (typeof option === 'string') return POLICIES[option](clock)
  return hash(POLICIES[option.fallback ?? 'random'](clock))
}

function healthSettings (options: HealthOptions, tls: Tls, path: string, clock: Clock): PoolSettings['health'] {
  const { interval = 5000, jitter = 0.1, timeout = 2000, rise = 2, fall = 3, initial = 'up', port } = options
  return { interval, jitter, timeout, rise, fall, initial, port, probe: makeProbe(options, tls, timeout, path, clock) }
}

function makeProbe (options: HealthOptions, tls: Tls, timeout: number, path: string, clock: Clock): Probe {
  const { type, probe, port, method = 'GET', headers = {}, status = '200-299', body } = options
  if (probe !== undefined) {
    assertUnused(options, ['type', 'path', 'method', 'headers', 'status', 'body'], path, 'probe is a function that decides about it')
    return probe
  }
  if (type === 'tcp') {
    assertUnused(options, ['path', 'method', 'headers', 'status', 'body'], path, 'a tcp probe has none')
    return tcpProbe(clock, { port, tls, timeout })
  }
  if (options.path === undefined) throw BadOptionError(`${path}.path: missing, must be given unless type is 'tcp' or there is a probe`)
  if (method === 'HEAD' && body !== undefined) throw BadOptionError(`${path}.body: the answer to HEAD has none, must be left out`)
  return httpProbe({ path: options.path, method, headers, status: statusRanges(status, `${path}.status`), body })
}

function assertUnused (options: HealthOptions, keys: ReadonlyArray<keyof HealthOptions>, path: string, reason: string): void {
  const useless = keys.find(key => options[key] !== undefined)
  if (useless !== undefined) throw BadOptionError(`${path}.${useless}: ${reason}, must be left out`)
}

function statusRanges (status: NonNullable<HealthOptions['status']>, path: string): Array<number | [number, number]> {
  const list = Array.isArray(status) ? status : [status]
  if (list.length === 0) throw BadOptionError(`${path}: [], must have at least one status`)
  return list.map(item => {
    if (Number.isInteger(item) && item >= 100 && item <= 599) return item
    const [, low, high] = /^([1-5]\d\d)-([1-5]\d\d)$/.exec(item) ?? []
    if (low === undefined || high === undefined || low > high) {
      throw BadOptionError(`${path}: ${show(item)}, must be a status from 100 to 599 or a range such as '200-299'`)
    }
    return [Number(low), Number(high)]
  })
}
