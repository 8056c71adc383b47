import type { RouteShorthandOptions } from 'fastify'
import type { FastifyReplyFromHooks } from '@fastify/reply-from'
import type { Clock } from './clock.js'
import type { TlsOptions } from './connector.js'
import { BadOptionError } from './errors.js'
import type { Probe } from './health/active.js'
import { httpProbe } from './health/probes/http.js'
import { tcpProbe } from './health/probes/tcp.js'
import type { KeyOption } from './key.js'
import type { Observer } from './observer.js'
import { first } from './policies/first.js'
import { hash } from './policies/hash.js'
import { leastRequests } from './policies/least-requests.js'
import { p2c } from './policies/p2c.js'
import { random } from './policies/random.js'
import { roundRobin } from './policies/round-robin.js'
import type { Policy, PolicyFactory } from './policy.js'
import { assertDistinct, type PoolLogger, type PoolSettings } from './pool.js'
import { safeRetry } from './retry.js'
import { check } from './schema.js'
import { targetConfig, type TargetConfig, type Timeouts } from './target.js'

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
  /** Share of targets that must be up, 0 to 1; below it health is ignored. 0: only when none is up. Default: 0.5. */
  readonly panic?: number
  /** Default: no health checks. */
  readonly health?: HealthOptions
  /** Milliseconds; 0 switches one off. Defaults: connect 2000, headers 30000, idle 60000. */
  readonly timeouts?: Partial<Timeouts>
  readonly tls?: TlsOptions
  /** Told of every attempt and every change of health. */
  readonly observers?: readonly Observer[]
}

/** Options of a Fastify route that make sense for one that is forwarded: hooks, constraints, `bodyLimit`, `config`, … */
export type FastifyRouteOptions = Pick<RouteShorthandOptions, (typeof FASTIFY_ROUTE_OPTIONS)[number]>

export interface RouteOptions extends FastifyRouteOptions {
  /** Requests at this path or below it are forwarded. May have `:params`. Default: `/`. */
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
  /** Moves a `Location` below `rewritePrefix` to `prefix`. Default: true. */
  readonly internalRewriteLocationHeader?: boolean
  /** false leaves bodies to the app's parsers and sends what they made of them. Default: true, bytes as they come. */
  readonly proxyPayloads?: boolean
  /** Changes the URL before the prefix is rewritten. */
  readonly preRewrite?: (url: string, params: unknown, prefix: string) => string
  /** Options for `reply.from`: `onResponse`, `onError`, `rewriteHeaders`, `rewriteRequestHeaders`, `queryString`, … */
  readonly replyOptions?: FastifyReplyFromHooks
}

/** The long form: any number of pools and routes. */
export interface GatewayOptions {
  readonly pools?: Readonly<Record<string, PoolOptions>>
  /** Each names a pool of this registration or of an earlier one. */
  readonly routes?: ReadonlyArray<RouteOptions & { readonly pool: string }>
}

/** The short form: one pool on one prefix. */
export interface ShortOptions extends Omit<PoolOptions, 'targets'>, RouteOptions {
  readonly targets?: ReadonlyArray<string | TargetConfig>
  /** A pool of one. */
  readonly upstream?: string
  /** Name of the pool. Default: the prefix without its outer slashes, or `default`. */
  readonly name?: string
}

export type BalancerOptions = GatewayOptions | ShortOptions

/** Both forms as one. */
export interface Configuration {
  readonly pools: ReadonlyArray<{ readonly name: string, readonly path: string, readonly options: PoolOptions }>
  readonly routes: ReadonlyArray<{ readonly path: string, readonly options: RouteOptions & { readonly pool: string } }>
}

const FASTIFY_ROUTE_OPTIONS = [
  'attachValidation', 'bodyLimit', 'config', 'constraints', 'errorHandler', 'exposeHeadRoute', 'handlerTimeout', 'logLevel',
  'logSerializers', 'onError', 'onRequest', 'onRequestAbort', 'onResponse', 'onSend', 'onTimeout', 'prefixTrailingSlash',
  'preHandler', 'preParsing', 'preSerialization', 'preValidation', 'schema', 'schemaErrorFormatter', 'serializerCompiler',
  'validatorCompiler'
] as const

const anything = {}
const milliseconds = { type: 'number', minimum: 0 }
const count = { type: 'integer', minimum: 0 }
const share = { type: 'number', minimum: 0, maximum: 1 }
const flag = { type: 'boolean' }
const text = { type: 'string', minLength: 1 }
const func = { typeof: 'function' }
const pem = { typeof: ['string', 'object'] }

function object (properties: Record<string, object>, required: readonly string[] = []): object {
  return { type: 'object', properties, required, additionalProperties: false }
}

const healthSchema = object({
  type: { enum: ['http', 'tcp'] },
  path: { type: 'string', pattern: '^/' },
  method: { type: 'string', pattern: '^[A-Z]+$' },
  headers: { type: 'object', additionalProperties: { type: 'string' } },
  status: anything,
  body: { typeof: ['string', 'object'] },
  port: { type: 'integer', minimum: 1, maximum: 65535 },
  interval: { type: 'number', exclusiveMinimum: 0 },
  jitter: share,
  timeout: { type: 'number', exclusiveMinimum: 0 },
  rise: { type: 'integer', minimum: 1 },
  fall: { type: 'integer', minimum: 1 },
  initial: { enum: ['up', 'down'] },
  probe: func
} satisfies Record<keyof HealthOptions, object>)

const hashSchema = object({
  name: { const: 'hash' },
  key: {
    if: { typeof: 'object' },
    then: { ...object({ header: text, cookie: text, query: text }), minProperties: 1, maxProperties: 1 },
    else: { if: { typeof: 'string' }, then: { enum: ['path', 'address'] }, else: func }
  },
  fallback: { enum: Object.keys(POLICIES) }
} satisfies Record<keyof HashPolicyOptions, object>, ['name', 'key'])

const poolProperties = {
  // Each is checked when it is parsed, by the same function as the targets that are added later.
  targets: { type: 'array', minItems: 1, items: anything },
  policy: {
    if: { typeof: 'string' },
    then: { enum: Object.keys(POLICIES) },
    else: { if: { typeof: 'function' }, else: hashSchema }
  },
  retries: count,
  replayBytes: count,
  panic: share,
  health: healthSchema,
  timeouts: object({ connect: milliseconds, headers: count, idle: count } satisfies Record<keyof Timeouts, object>),
  tls: object({ ca: pem, cert: pem, key: pem, servername: text, rejectUnauthorized: flag } satisfies Record<keyof TlsOptions, object>),
  observers: { type: 'array', items: { typeof: 'object' } }
} satisfies Record<keyof PoolOptions, object>

const routeProperties = {
  prefix: { type: 'string', pattern: '^(/.*)?$' },
  rewritePrefix: { type: 'string', pattern: '^(/.*)?$' },
  httpMethods: { type: 'array', minItems: 1, items: { type: 'string', pattern: '^[A-Z]+$' } },
  routes: { type: 'array', minItems: 1, items: { type: 'string', pattern: '^/' } },
  preserveHost: flag,
  via: { if: { typeof: 'string' }, then: { pattern: '^[!#$%&\'*+.^_`|~0-9A-Za-z-]+(:[0-9]+)?$' }, else: { const: false } },
  internalRewriteLocationHeader: flag,
  proxyPayloads: flag,
  preRewrite: func,
  replyOptions: { typeof: 'object' },
  ...Object.fromEntries(FASTIFY_ROUTE_OPTIONS.map(name => [name, anything])) as Record<keyof FastifyRouteOptions, object>
} satisfies Record<keyof RouteOptions, object>

const gatewaySchema = object({
  pools: { type: 'object', additionalProperties: object(poolProperties, ['targets']) },
  routes: { type: 'array', items: object({ ...routeProperties, pool: text }, ['pool']) },
  // What Fastify itself understands when a plugin is registered.
  prefix: routeProperties.prefix,
  logLevel: anything,
  logSerializers: anything
})

const shortSchema = object({ ...poolProperties, ...routeProperties, upstream: text, name: text } satisfies Record<keyof ShortOptions, object>)

/**
 * Checks what was registered and brings both forms into one.
 *
 * @throws BadOptionError naming the path of the option, its value and what is allowed
 */
export function configuration (options: BalancerOptions): Configuration {
  if ('pools' in options || 'routes' in options) return gatewayConfiguration(options as GatewayOptions)
  return shortConfiguration(options as ShortOptions)
}

function gatewayConfiguration (options: GatewayOptions): Configuration {
  check(gatewaySchema, options)
  return {
    pools: Object.entries(options.pools ?? {}).map(([name, pool]) => ({ name, path: `pools.${name}`, options: pool })),
    routes: (options.routes ?? []).map((route, i) => ({ path: `routes[${i}]`, options: route }))
  }
}

function shortConfiguration (options: ShortOptions): Configuration {
  check(shortSchema, options)
  const { upstream, name, ...rest } = options
  if (upstream === undefined && rest.targets === undefined) throw BadOptionError('targets: missing, must be a list of URLs; or give pools and routes')
  if (upstream !== undefined && rest.targets !== undefined) throw BadOptionError('upstream: must not be given together with targets')
  const pool = Object.fromEntries(Object.keys(poolProperties).map(key => [key, rest[key as keyof PoolOptions]]))
  const route = Object.fromEntries(Object.keys(routeProperties).filter(key => key in rest).map(key => [key, rest[key as keyof RouteOptions]]))
  const poolName = name ?? ((options.prefix ?? '').replace(/^\/+|\/+$/g, '') || 'default')
  const targets = rest.targets ?? [upstream ?? '']
  return {
    pools: [{ name: poolName, path: '', options: { ...pool, targets } }],
    routes: [{ path: '', options: { ...route, pool: poolName } }]
  }
}

const DEFAULT_TIMEOUTS: Timeouts = { connect: 2000, headers: 30_000, idle: 60_000 }

/** A pool's options with everything decided. `path` is where they stand, for messages. */
export function poolSettings (name: string, options: PoolOptions, path: string, log: PoolLogger, clock: Clock): PoolSettings {
  const {
    policy = 'round-robin', retries = 2, replayBytes = 64 * 1024, panic = 0.5, health, timeouts = {}, tls = {}, observers = []
  } = options
  const within = (key: string): string => path === '' ? key : `${path}.${key}`
  const targets = options.targets.map((target, i) => targetConfig(target, within(`targets[${i}]`)))
  assertDistinct(targets, within('targets'))
  if (targets.every(target => target.weight === 0)) throw BadOptionError(`${within('targets')}: every weight is 0, must be > 0 for at least one`)
  return {
    name,
    targets,
    policy: makePolicy(policy, clock),
    retry: safeRetry,
    retries,
    replayBytes,
    panic,
    health: health === undefined ? undefined : healthSettings(health, tls, within('health'), clock),
    timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts },
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

function healthSettings (options: HealthOptions, tls: TlsOptions, path: string, clock: Clock): PoolSettings['health'] {
  const { interval = 5000, jitter = 0.1, timeout = 2000, rise = 2, fall = 3, initial = 'up', port } = options
  return { interval, jitter, timeout, rise, fall, initial, port, probe: makeProbe(options, tls, timeout, path, clock) }
}

function makeProbe (options: HealthOptions, tls: TlsOptions, timeout: number, path: string, clock: Clock): Probe {
  const { type, probe, port, method = 'GET', headers = {}, status = '200-299', body } = options
  if (probe !== undefined) return probe
  if (type === 'tcp') {
    const [useless] = (['path', 'method', 'headers', 'status', 'body'] as const).filter(key => options[key] !== undefined)
    if (useless !== undefined) throw BadOptionError(`${path}.${useless}: a tcp probe has none, must be left out`)
    return tcpProbe(clock, { port, tls, timeout })
  }
  if (options.path === undefined) throw BadOptionError(`${path}.path: missing, must be given unless type is 'tcp'`)
  if (body !== undefined && typeof body !== 'string' && !(body instanceof RegExp)) throw BadOptionError(`${path}.body: must be a text or a regular expression`)
  return httpProbe({ path: options.path, method, headers, status: statusRanges(status, `${path}.status`), body })
}

function statusRanges (status: NonNullable<HealthOptions['status']>, path: string): Array<number | [number, number]> {
  const list = Array.isArray(status) ? status : [status]
  if (list.length === 0) throw BadOptionError(`${path}: [], must have at least one status`)
  return list.map(item => {
    if (Number.isInteger(item) && item >= 100 && item <= 599) return item
    const [, low, high] = /^([1-5]\d\d)-([1-5]\d\d)$/.exec(item) ?? []
    if (low === undefined || high === undefined || low > high) {
      throw BadOptionError(`${path}: ${JSON.stringify(item)}, must be a status from 100 to 599 or a range such as '200-299'`)
    }
    return [Number(low), Number(high)]
  })
}
