/** How the types are meant to be used, and what they must not let pass. `tsc --noEmit` is the test; nothing here runs. */
import { Readable } from 'node:stream'
import Fastify, { type FastifyPluginAsync } from 'fastify'
import { fetch, interceptors, type Dispatcher } from 'undici'
import balancer, {
  isFault, Pool, type AffinityOptions, type AttemptRecord, type BalancerOptions, type Breaker, type BreakerFactory, type BreakerOptions, type DeadlineOptions, type GatewayOptions,
  type HedgeOptions, type LimitOptions, type RetryOptions, type SlowStartOptions, type Health, type HealthOptions, type KeyOption, type Observer, type Outcome,
  type Policy, type PoolOptions, type Probe, type RouteOptions, type ShortOptions, type Target, type TargetSnapshot, type TlsOptions, type Upstreams
} from '../../lib/index.js'

declare module '../../lib/plugin.js' {
  interface Upstreams {
    users: Pool
  }
}

const app = Fastify({ logger: true })

export async function registers (): Promise<void> {
  await app.register(balancer, {
    pools: {
      users: { targets: ['http://10.0.0.1:3000', { url: 'http://10.0.0.2:3000', weight: 2 }], health: { path: '/healthz', status: [200, '300-399'], body: /ok/ } },
      orders: { targets: ['https://orders-a.internal'], policy: 'least-requests', tls: { ca: ['pem', Buffer.from('pem')], servername: 'orders' } },
      carts: { targets: ['http://c'], policy: { name: 'hash', key: { cookie: 'sid' }, fallback: 'p2c' }, timeouts: { headers: 0 } }
    },
    routes: [
      { prefix: '/users', pool: 'users', via: false },
      {
        prefix: '/orders/:id',
        pool: 'orders',
        rewritePrefix: '/v2/orders/:id',
        constraints: { host: 'shop.test' },
        config: { cost: 5 },
        schema: { params: { type: 'object' } },
        preHandler: async request => { request.log.info(request.headers.host) },
        onResponse: [(request, reply, done) => { request.log.info({ status: reply.statusCode, attempts: request.attempts }); done() }],
        replyOptions: {
          onResponse: (_request, reply, { stream, statusCode, headers }) => { void reply.code(statusCode).type(headers['content-type'] ?? '').send(stream) },
          onError: (reply, { error }) => { void reply.send(error) },
          rewriteRequestHeaders: (request, headers) => ({ ...headers, 'x-request-id': request.id }),
          rewriteHeaders: (headers, request) => ({ ...headers, 'x-url': request?.url }) as typeof headers,
          queryString: (search, url, request) => `${search ?? ''}&${url}&${request.method}`
        }
      }
    ]
  })
  await app.register(balancer, { prefix: '/api', targets: ['http://a:3000'], retries: 0, bodyLimit: 1, httpMethods: ['GET'], routes: ['/', '/*'] })
  await app.register(balancer, { upstream: 'http://a:3000', name: 'one' })
  await app.register(balancer, () => ({ upstream: 'http://a:3000' }))
  // What was written for @fastify/http-proxy.
  await app.register(balancer, {
    upstream: 'https://a:3000/base',
    prefix: '/p',
    http2: false,
    undici: { headersTimeout: 1000, bodyTimeout: 1000, connectTimeout: 1000, pipelining: 1, tls: { rejectUnauthorized: false } },
    disableRequestLogging: true,
    beforeHandler: async request => { request.log.info('checked') },
    handler: async (request, reply, dest, options) => reply.from(`${dest}/x`, { ...options, queryString: { url: request.url } }),
    contentTypesToEncode: ['application/vnd.api+json'],
    websocket: true,
    wsUpstream: 'wss://b:3000',
    wsClientOptions: {
      headers: { 'x-key': 'k' },
      rewriteRequestHeaders: (headers, request) => ({ ...headers, cookie: request.headers.cookie }),
      queryString: (search, url, request) => search + url + request.method
    },
    wsHooks: {
      onConnect ({ log }, source, target) { log.info([source.readable, target.writable]) },
      onDisconnect ({ log }, source) { log.info(source.destroyed) }
    }
  })
  await app.register(balancer, {
    prefix: '/limited',
    targets: [{ url: 'http://a', priority: 1, zone: 'eu-1a' }, 'http://b'],
    zone: 'eu-1a',
    overprovisioning: 1.2,
    retries: { max: 1, when: (outcome, { method, idempotencyKey, replayable }) => outcome.kind === 'failed' && method === 'GET' && !idempotencyKey && replayable, budget: { share: 0.1 } },
    hedge: { percentile: 0.95 },
    breaker: false,
    limits: { inFlight: 100, target: 50, queueOrder: 'newest', adaptive: { initial: 10 } },
    slowStart: 10_000,
    affinity: { cookie: 'route', secret: ['a', 'b'] },
    drainHeader: false,
    timeouts: { try: 1000, total: 5000, grace: 0 },
    importance: request => request.headers.authorization === undefined ? 0 : 1,
    deadline: { header: 'x-request-timeout', send: true }
  })
  // Parts that are kept apart fit together, and constant ones too.
  const health: HealthOptions = { type: 'tcp', port: 9000 }
  const tls: TlsOptions = { rejectUnauthorized: false }
  const pool = { targets: ['http://a'], policy: 'p2c', health, tls } as const satisfies PoolOptions
  const route = { prefix: '/a', pool: 'a' } as const satisfies RouteOptions & { pool: string }
  const long: GatewayOptions = { pools: { a: pool }, routes: [route], prefix: '/gw' }
  const short: ShortOptions = { ...pool, prefix: '/b' }
  for (const options of [long, short] satisfies BalancerOptions[]) await app.register(balancer, options)
  const asPlugin: FastifyPluginAsync<BalancerOptions> = balancer
  await app.register(asPlugin, { upstream: 'http://a' })
}

export async function asks (name: string): Promise<string> {
  const { users } = app.upstreams
  const answer: Dispatcher.ResponseData = await users.request({ method: 'POST', path: '/42', body: Readable.from(['x']) })
  await fetch('http://any/42', { dispatcher: users })
  await users.compose(interceptors.redirect({ maxRedirections: 1 })).request({ path: '/', method: 'GET' })
  const upstreams: Upstreams = app.upstreams
  await upstreams[name]?.set(['http://a', { url: 'http://b', weight: 2 }])
  users.add({ url: 'http://c' })
  users.drain('http://c', false)
  await users.remove('http://c')
  const { inFlight, streams, waiting } = users.load
  app.log.info([inFlight, streams, waiting])
  const snapshots: readonly TargetSnapshot[] = users.targets
  const health: Health | undefined = snapshots[0]?.health
  const faults: number = snapshots.reduce((sum, { counters }) => sum + counters.faults, 0)
  const dispatcher: Dispatcher = users
  return `${health} ${faults} ${dispatcher === users} ${answer.statusCode}`
}

export const policy: Policy = (targets, { key, attempt }) => targets.find(target => target.url === key) ?? targets[attempt % targets.length] as Target
export const probe: Probe = async (target, dispatcher, signal) => { await dispatcher.request({ origin: target.origin, path: '/', method: 'GET', signal }) }
export const keys: KeyOption[] = [{ header: 'x' }, { cookie: 'x' }, { query: 'x' }, 'path', 'address', request => request.headers['x-user'] as string | undefined]
export const observer: Observer = {
  settled (target, outcome) { if (isFault(outcome)) app.log.warn({ target: target.url, kind: outcome.kind }) },
  healthChanged (target, was, reason) { app.log.info({ target: target.url, was, now: target.health, reason }) }
}

export const retries: RetryOptions = { statuses: [503], methods: ['GET'], budget: false }
export const hedges: HedgeOptions[] = [{ delay: 50 }, { percentile: 0.99 }]
export const limits: LimitOptions = { connections: 10, streams: 100, queue: 0, queueTimeout: 0, adaptive: true }
export const slowStart: SlowStartOptions = { window: 5000, minimum: 0.2, aggression: 2 }
export const affinity: AffinityOptions = { cookie: 'route', secret: 'x', path: '/', domain: 'a.test', maxAge: 60, httpOnly: true, secure: true, sameSite: 'none' }
export const deadline: DeadlineOptions = { header: 'grpc-timeout', minimum: 10 }
export const factory: BreakerFactory = clock => {
  let last = clock.now()
  const breaker: Breaker = {
    record (outcome) {
      last = clock.now()
      return isFault(outcome)
    },
    reset () { last = 0 }
  }
  app.log.info(last)
  return breaker
}
export const breaker: BreakerOptions = { faults: ['unsent', 503, '500-599'], breaker: factory, ejection: 1000, maxEjection: 5000 }

/** Every kind of outcome has a branch, and fields of its own. */
export function tell (outcome: Outcome): string {
  switch (outcome.kind) {
    case 'answered': return `${outcome.status} after ${outcome.latency} ms`
    case 'unsent':
    case 'failed':
    case 'broken':
    case 'aborted': return outcome.error.message
  }
}

export function line ({ target, outcome, status, error, ms }: AttemptRecord): string {
  return `${target} ${outcome} ${status ?? error?.message} ${ms}`
}
