import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Dispatcher } from 'undici'
import type { Probe } from '../../lib/index.js'
import type { Handler } from '../../lib/handler.js'
import { configuration } from '../../lib/options.js'
import type { PoolOptions } from '../../lib/pool-options.js'
import { poolSettings } from '../../lib/pool-settings.js'
import { hash } from '../../lib/policies/hash.js'
import { random } from '../../lib/policies/random.js'
import type { PoolSettings, ProbeSettings } from '../../lib/pool.js'
import { Target } from '../../lib/target.js'
import { VirtualClock } from '../kit/clock.js'
import { named, gateway } from '../kit/index.js'

const silent = { info () {}, warn () {}, error () {} }

/** Of a pool that has probes of its own, if any. */
interface Probed extends PoolSettings { readonly health: (ProbeSettings & { readonly initial: 'up' | 'down' }) | undefined }

function settings (options: Partial<PoolOptions> = {}, seed = 1): Probed {
  return poolSettings('users', { targets: ['http://a.test'], ...options }, '', silent, new VirtualClock(seed)) as Probed
}

function someTargets (count: number): Target[] {
  return Array.from({ length: count }, (_, id) => new Target({ url: `http://t${id}.test`, weight: 1, priority: 0, zone: undefined }, id, settings()))
}

t.test('the numbers in the manual are the ones that hold', async t => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const { retry, selection, admission, limits, breaker, timeouts, observers, targets, drainHeader, health: none } = settings()
  const { discovery } = settings({ discovery: async function * () {} })
  t.equal(none, undefined)
  const { health, slowStart } = settings({ health: { path: '/' }, slowStart: {} })
  const actual: Record<string, unknown> = {
    retries: retry.max,
    'retries.max': retry.max,
    'retries.backoff': retry.backoff.base,
    'retries.maxBackoff': retry.backoff.max,
    'retries.retryAfter': retry.retryAfter,
    replayBytes: retry.replayBytes,
    panic: selection.panic,
    overprovisioning: selection.overprovisioning,
    'limits.inFlight': admission.inFlight,
    'limits.streams': admission.streams,
    'limits.queue': admission.queue.size,
    'limits.queueTimeout': admission.queue.timeout,
    'limits.queueOrder': admission.queue.order,
    'limits.target': limits.target,
    'limits.connections': limits.connections,
    'breaker.ejection': breaker?.ejection.base,
    'breaker.maxEjection': breaker?.ejection.max,
    'breaker.jitter': breaker?.ejection.jitter,
    'breaker.maxEjected': breaker?.maxEjected,
    'breaker.reconnect': breaker?.reconnect,
    drainHeader,
    discoveryTimeout: discovery?.timeout,
    observers,
    'slowStart.window': slowStart?.window,
    'slowStart.minimum': slowStart?.minimum,
    'slowStart.aggression': slowStart?.aggression,
    'targets[].weight': targets[0]?.weight,
    'targets[].priority': targets[0]?.priority
  }
  for (const [name, value] of Object.entries(timeouts)) actual[`timeouts.${name}`] = value
  for (const name of ['interval', 'jitter', 'timeout', 'rise', 'fall', 'initial'] as const) actual[`health.${name}`] = health?.[name]
  for (const [name, value] of Object.entries(actual)) {
    const row = readme.split('\n').find(line => line.startsWith(`| \`${name}\` |`))
    const stated = row?.split(' | ')[2]?.replaceAll('`', '').replaceAll("'", '"') ?? ''
    t.same(JSON.parse(stated), value, name)
  }
  t.equal(Object.keys(actual).length, 41)
  t.equal(settings({ policy: 'first' }).selection.panic, 0, 'a standby that is up is used however many are down')
})

t.test('an undefined option is one that is not given', async t => {
  const plain = settings()
  const given = settings({
    policy: undefined,
    retries: undefined,
    replayBytes: undefined,
    panic: undefined,
    observers: undefined,
    breaker: undefined,
    limits: undefined,
    hedge: undefined,
    slowStart: undefined,
    affinity: undefined,
    zone: undefined,
    discovery: undefined,
    discoveryTimeout: undefined,
    health: { path: '/', interval: undefined, rise: undefined },
    timeouts: { connect: undefined, headers: undefined, idle: undefined },
    tls: { rejectUnauthorized: undefined, ca: undefined }
  })
  const { health } = given
  for (const name of ['name', 'targets', 'hedge', 'admission', 'limits', 'slowStart', 'affinity', 'drainHeader', 'timeouts', 'observers'] as const) {
    t.strictSame(given[name], plain[name], name)
  }
  const { probe: _, ...times } = health ?? { probe: undefined }
  t.strictSame(times, { interval: 5000, jitter: 0.1, timeout: 2000, rise: 2, fall: 3, initial: 'up', port: undefined })
})

t.test('the default policy goes round', async t => {
  const targets = someTargets(3)
  const policy = settings().selection.policy()
  const first = policy(targets, { key: undefined, attempt: 0 }).id
  t.same(Array.from({ length: 6 }, () => policy(targets, { key: undefined, attempt: 0 }).id), [1, 2, 3, 4, 5, 6].map(i => (first + i) % 3))
})

t.test('without a key the hash policy picks at random', async t => {
  const targets = someTargets(5)
  const policy = settings({ policy: { name: 'hash', key: 'path' } }, 7).selection.policy()
  const expected = hash(random(new VirtualClock(7)))
  const picks = Array.from({ length: 50 }, () => policy(targets, { key: undefined, attempt: 0 }).id)
  t.same(picks, Array.from({ length: 50 }, () => expected(targets, { key: undefined, attempt: 0 }).id))
  t.ok(new Set(picks).size > 1)
})

t.test('the default probe is a GET of the path, and takes 200 to 299 for well', async t => {
  const probe = settings({ health: { path: '/healthz' } }).health?.probe as Probe
  const [target] = someTargets(1)
  if (target === undefined) throw new Error('no target')
  for (const [status, well] of [[199, false], [200, true], [299, true], [300, false], [503, false]] as const) {
    const asked: Dispatcher.DispatchOptions[] = []
    const dispatcher = {
      dispatch (options: Dispatcher.DispatchOptions, handler: Handler) {
        asked.push(options)
        handler.onConnect(() => {})
        handler.onHeaders(status, [], () => {}, '')
        handler.onComplete([])
      }
    } as unknown as Dispatcher
    const result = probe(target, dispatcher, new AbortController().signal)
    if (well) await t.resolves(result)
    else await t.rejects(result, { message: `status ${status}` })
    t.match(asked, [{ method: 'GET', path: '/healthz', headers: ['user-agent', /fastify-balancer/] }])
  }
})

t.test('both forms come to the same', async t => {
  const { pools: [pool], routes: [route] } = configuration({ prefix: '/users', targets: ['http://a.test'], retries: 1, via: 'edge' })
  t.match(pool, { name: 'users', options: { targets: ['http://a.test'], retries: 1 } })
  t.strictSame(route, { path: '', options: { pool: 'users', prefix: '/users', via: 'edge' } })
  const long = configuration({ pools: { users: { targets: ['http://a.test'], retries: 1 } }, routes: [{ pool: 'users', prefix: '/users', via: 'edge' }] })
  t.strictSame(long.pools, [{ name: 'users', path: 'pools.users', options: { targets: ['http://a.test'], retries: 1 } }])
  t.strictSame(long.routes, [{ path: 'routes[0]', options: { pool: 'users', prefix: '/users', via: 'edge' } }])
  t.match(configuration({ upstream: 'http://a.test' }), { pools: [{ name: 'default', options: { targets: ['http://a.test'] } }], routes: [{ options: { pool: 'default' } }] })
})

t.test('the prefix of the long form goes before the prefix of every route', async t => {
  const { routes } = configuration({ prefix: '/gw/', pools: { p: { targets: ['http://a.test'] } }, routes: [{ pool: 'p', prefix: '/a' }, { pool: 'p' }] })
  t.same(routes.map(({ options }) => options.prefix), ['/gw/a', '/gw'])
})

t.test('a route without options forwards every path and seven methods, with the host of the target and a via', async t => {
  const { url, port } = await named(t, 'a')
  const { request } = await gateway(t, { targets: [url] })
  for (const method of ['DELETE', 'GET', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const) {
    const { statusCode, body } = await request('/any/path?x=1', { method })
    t.equal(statusCode, 200, method)
    t.match(await body.json(), { method, url: '/any/path?x=1', headers: { host: `127.0.0.1:${port}`, via: '1.1 fastify-balancer' } })
  }
  const head = await request('/', { method: 'HEAD' })
  t.equal(head.headers['x-name'], 'a')
  await head.body.dump()
  const trace = await request('/', { method: 'TRACE' })
  t.equal(trace.statusCode, 404)
  await trace.body.dump()
})
