import type { FastifyInstance } from 'fastify'
import swagger from '@fastify/swagger'
import { Ajv } from 'ajv'
import Fastify from 'fastify'
import t from 'tap'
import balancer, { routesOf } from '../../lib/index.js'
import { status, type FullEvent, type PoolState, type TickEvent } from '../../lib/status/index.js'
import { named } from '../kit/index.js'
import { pem } from '../kit/tls/index.js'
import { events, statusGateway } from './kit.js'

t.test('the state says what pools, targets and routes do', async t => {
  const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
  const { request, state, get } = await statusGateway(t, {
    pools: { users: { targets: [a.url, b.url] }, 'v2/orders': { targets: [b.url], policy: 'p2c' } },
    routes: [{ prefix: '/users', pool: 'users' }, { prefix: '/orders', pool: 'v2/orders' }]
  })
  for (let i = 0; i < 4; i++) await (await request('/users/1')).body.dump()
  await (await request('/orders')).body.dump()
  const { totals, routes, pools, problems, actions, at } = await state()
  t.match(totals, { requests: 5, saved: 0, up: 3, targets: 3 })
  t.same(routes, [{ prefix: '/users', pool: 'users', requests: 4 }, { prefix: '/orders', pool: 'v2/orders', requests: 1 }])
  t.same(problems, [])
  t.equal(actions, false, 'not without somebody who says who may')
  t.match(pools, [
    { name: 'users', policy: 'round-robin', up: 2, of: 2, warnings: [], targets: [{ url: a.url, health: 'up', words: /^up for \d+/, counters: { answered: 2 } }, { url: b.url }] },
    { name: 'v2/orders', policy: 'p2c' }
  ])
  t.ok(Math.abs(at - Date.now()) < 60_000)
  const one = await get<PoolState>('/api/pools/v2%2Forders')
  t.equal(one.status, 200)
  t.equal(one.body.name, 'v2/orders')
  t.equal(one.headers.get('cache-control'), 'no-store')
  const none = await get('/api/pools/nobody')
  t.equal(none.status, 404)
  t.match(none.body, { code: 'FST_BALANCER_NO_SUCH_POOL', message: "'nobody' is not a pool, must be one of users, v2/orders" })
})

t.test('routes are counted, those with a handler and WebSockets as well, by app', async t => {
  const a = await named(t, 'a')
  const { app, request } = await statusGateway(t, {
    pools: { a: { targets: [a.url] } },
    routes: [{ prefix: '/own', pool: 'a', handler: (_request, reply, dest) => reply.from(dest) }, { prefix: '/:tenant/x', pool: 'a', rewritePrefix: '' }]
  })
  await (await request('/own/1')).body.dump()
  await (await request('/me/x')).body.dump()
  await (await request('/you/x/y')).body.dump()
  t.same(routesOf(app), [{ prefix: '/own', pool: 'a', requests: 1 }, { prefix: '/:tenant/x', pool: 'a', requests: 2 }])
  const other = Fastify()
  await other.register(balancer, { targets: [a.url] })
  t.same(routesOf(other as unknown as FastifyInstance), [{ prefix: '', pool: 'default', requests: 0 }])
  await other.close()
})

t.test('configuration is shown with defaults, and secrets and functions are not', async t => {
  const a = await named(t, 'a')
  const secrets = ['cookie-secret-of-16-chars', 'Bearer probe-token', 'query-token', 'correct-horse']
  const { get, state } = await statusGateway(t, {
    name: 'api',
    prefix: '/api',
    targets: [a.url],
    retries: { when: function always () { return true } },
    affinity: { cookie: 'sid', secret: secrets[0] as string },
    health: { path: `/healthz?token=${secrets[2]}`, headers: { authorization: secrets[1] as string }, interval: 60_000 },
    tls: { key: pem('client-key-encrypted'), cert: pem('client'), ca: pem('ca'), passphrase: secrets[3] as string },
    policy: targets => targets[0] as never
  })
  const { body, text } = await get('/api/pools/api/configuration')
  t.match(body, {
    retries: { max: 2, when: '[function always]', backoff: 25, budget: { share: 0.2 } },
    affinity: { cookie: 'sid', secret: '[redacted]' },
    health: { path: '/healthz?[redacted]', headers: { authorization: '[redacted]' }, interval: 60_000, rise: 2, fall: 3 },
    tls: { key: '[redacted]', passphrase: '[redacted]', ca: '[PEM]', rejectUnauthorized: true },
    limits: { inFlight: 1024, queue: 256 },
    timeouts: { connect: 2000 },
    breaker: { consecutive: 5, ejection: 5000 },
    drainHeader: 'x-upstream-drain'
  })
  const all = text + JSON.stringify(await state())
  for (const secret of [...secrets, 'PRIVATE KEY']) t.notMatch(all, secret)
})

t.test('operators drain, eject and weigh targets, and the log says who did', async t => {
  const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
  const { post, get, log } = await statusGateway(t, { name: 'api', prefix: '/api', targets: [a.url, b.url] }, {
    onRequest: async (request, reply) => {
      if (request.headers.authorization !== 'Basic ada') {
        reply.code(401)
        throw new Error('who are you?')
      }
    },
    who: request => `${String(request.headers.authorization)}\r\n`
  })
  const ada = { authorization: 'Basic ada' }
  t.match(await get('/api/state'), { status: 401, body: { message: 'who are you?' } })
  t.match(await post('/api/pools/api/drain', { target: a.url }), { status: 401 })
  t.match((await get('/live')).body, { live: true }, 'liveness is for programs that can not log in')
  t.match(await post('/api/pools/api/drain', { target: `${a.url}/` }, ada), { status: 200, body: { url: a.url, health: 'draining', words: /^draining for .*: drained by an operator$/ } })
  t.match(await post('/api/pools/api/undrain', { target: a.url }, ada), { status: 200, body: { health: 'up' } })
  t.match(await post('/api/pools/api/weight', { target: a.url, weight: 3 }, ada), { status: 200, body: { weight: 3 } })
  t.match(await post('/api/pools/api/eject', { target: a.url, ms: 60_000, reason: 'bad disk' }, ada),
    { status: 200, body: { health: 'down', cause: 'operator', words: /^down for .*: ejected by an operator: bad disk, to be tried again in \d+ s$/ } })
  t.match(await post('/api/pools/api/eject', { target: b.url }, ada), { status: 409, body: { code: 'FST_BALANCER_ACTION_REFUSED', message: /nobody to take its place/ } })
  t.match(log.filter(({ msg }) => msg === 'an operator has changed a target').map(({ who, action, pool, target }) => [who, action, pool, target]), [
    ['Basic ada\\x0d\\x0a', 'drained', 'api', a.url], ['Basic ada\\x0d\\x0a', 'undrained', 'api', a.url],
    ['Basic ada\\x0d\\x0a', 'given weight 3', 'api', a.url], ['Basic ada\\x0d\\x0a', 'ejected for 60000 ms', 'api', a.url]
  ])
  const { body } = await get<Record<string, unknown[]>>('/api/transitions', ada)
  t.match(body['transitions'], [{ pool: 'api', target: a.url, was: 'up', health: 'down' }, { health: 'up' }, { health: 'draining', reason: 'drained' }])
  t.match(body['deeds'], [{ action: 'ejected for 60000 ms' }, {}, {}, { action: 'drained' }])
  const { body: latest } = await get<Record<string, unknown[]>>('/api/transitions?limit=1&pool=api', ada)
  t.same([latest['transitions']?.length, latest['deeds']?.length], [1, 1])
  t.match(await post('/api/pools/api/drain', { target: a.url }, ada), { status: 200, body: { words: /^draining for .*: drained by an operator$/ } }, 'nobody tries again what is drained')
  t.equal((await get('/api/transitions?pool=no', ada)).status, 404)
})

t.test('who acts may be found out in time, and nothing is done for somebody who has no name', async t => {
  const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
  let who: unknown = 'bob'
  const { post, get, log } = await statusGateway(t, { name: 'api', prefix: '/api', targets: [a.url, b.url] }, {
    actions: true,
    who: async () => {
      if (who instanceof Error) throw who
      return who as string
    }
  })
  t.match(await post('/api/pools/api/drain', { target: a.url }), { status: 200 })
  t.match(log.filter(({ msg }) => msg === 'an operator has changed a target').map(({ who }) => who), ['bob'])
  for (who of [undefined, '', { name: 'bob' }, new Error('nobody knows')]) t.match(await post('/api/pools/api/drain', { target: b.url }), { status: 500 })
  t.match((await get<Record<string, unknown[]>>('/api/transitions')).body['deeds'], [{ who: 'bob', target: a.url }])
  t.equal((await get<Record<string, unknown[]>>('/api/transitions')).body['deeds']?.length, 1)
})

t.test('bodies are taken as they are: what is of another type is refused, as is what nobody knows', async t => {
  const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
  const { post, state } = await statusGateway(t, { name: 'api', prefix: '/api', targets: [a.url, b.url] }, { actions: true })
  for (const weight of [null, false, true, '5', [5]]) t.match(await post('/api/pools/api/weight', { target: a.url, weight }), { status: 400, body: { message: 'body/weight must be number' } })
  t.match(await post('/api/pools/api/drain', { target: [a.url] }), { status: 400, body: { message: 'body/target must be string' } })
  t.match(await post('/api/pools/api/drain', { target: a.url, all: true }), { status: 400, body: { message: 'body must NOT have additional properties' } })
  for (const body of [{ headers: { a: 1 } }, { key: 5 }, { zzz: 1 }]) t.match(await post('/api/pools/api/explain', body), { status: 400 })
  t.match((await state()).pools[0]?.targets, [{ health: 'up', weight: 1 }, { health: 'up', weight: 1 }])
})

t.test('names with a slash are found when they are encoded twice, as proxies decode once', async t => {
  const [a, b] = await Promise.all([named(t, 'a'), named(t, 'b')])
  const { post, get } = await statusGateway(t, { prefix: '/api/v1', targets: [a.url, b.url] }, { actions: true })
  for (const name of ['api%2Fv1', 'api%252Fv1']) {
    t.match(await post(`/api/pools/${name}/drain`, { target: a.url }), { status: 200 })
    t.match(await get(`/api/pools/${name}`), { status: 200, body: { name: 'api/v1' } })
  }
  t.match(await get('/api/pools/api%25'), { status: 404 })
})

t.test('a hook that is not there lets nobody in, and HEAD holds no place of a reader', async t => {
  const a = await named(t, 'a')
  await t.rejects(statusGateway(t, { targets: [a.url] }, { onRequest: undefined as never }), { code: 'FST_BALANCER_BAD_OPTION', message: /^onRequest: undefined, must be a function/ })
  const { base } = await statusGateway(t, { prefix: '/api', targets: [a.url] }, { clients: 1 })
  for (let i = 0; i < 3; i++) t.equal((await fetch(`${base}/api/events`, { method: 'HEAD' })).status, 404)
  const events = await fetch(`${base}/api/events`)
  t.equal(events.status, 200)
  await events.body?.cancel()
})

t.test('what makes no sense, or comes from another site, is refused with what is allowed', async t => {
  const a = await named(t, 'a')
  const gateway = await statusGateway(t, { name: 'api', prefix: '/api', targets: [a.url] }, { actions: true })
  const { post } = gateway
  const drain = '/api/pools/api/drain'
  const body = { target: a.url }
  t.match(await post(drain, { target: 'http://nobody.test' }), { status: 404, body: { code: 'FST_BALANCER_NO_SUCH_TARGET', message: `'http://nobody.test' is not a target of pool 'api', which has ${a.url}` } })
  t.match(await post(drain, {}), { status: 400, body: { message: /target/ } })
  t.match(await post(drain, 'not json'), { status: 400 })
  t.match(await post('/api/pools/api/weight', { ...body, weight: -1 }), { status: 400, body: { message: /weight must be >= 0/ } })
  t.match(await post('/api/pools/api/eject', { ...body, ms: 0 }), { status: 400, body: { message: /ms must be > 0/ } })
  t.match(await post(drain, 'target=x', { 'content-type': 'application/x-www-form-urlencoded' }), { status: 415 })
  t.match(await post(drain, JSON.stringify(body), { 'content-type': 'text/plain' }), { status: 415 })
  t.match(await post(drain, body, { 'sec-fetch-site': 'cross-site' }), { status: 403, body: { code: 'FST_BALANCER_CROSS_SITE', message: /cross-site, must be same-origin/ } })
  t.match(await post(drain, body, { 'sec-fetch-site': 'same-site' }), { status: 403 })
  t.match(await post(drain, body, { origin: 'http://evil.test' }), { status: 403, body: { message: /Origin is http:\/\/evil\.test, must be this host/ } })
  t.match(await post(drain, body, { origin: 'null' }), { status: 403 })
  t.match(await post(drain, body, { origin: gateway.url, 'sec-fetch-site': 'same-origin' }), { status: 200 })
  t.match(await post('/api/pools/api/undrain', body, { origin: gateway.url }), { status: 200 })
  const off = await statusGateway(t, { name: 'api', targets: [a.url] })
  t.match(await off.post(drain, body), { status: 403, body: { code: 'FST_BALANCER_ACTIONS_OFF', message: /actions: true/ } })
  const app = Fastify()
  await t.rejects(async () => { await app.register(status, { prefix: '/s' }) }, { message: /upstreams: missing, must be given/ })
  const wrong = Fastify()
  await t.rejects(async () => { await wrong.register(status, { prefix: '/s', clients: 0 }) }, { message: /clients: 0, must be >= 1/ })
})

t.test('readiness follows the pools, and pools and routes may be those of another app', async t => {
  const a = await named(t, 'a')
  const { app } = await statusGateway(t, { name: 'api', prefix: '/api', targets: [a.url] })
  const admin = Fastify()
  t.teardown(async () => { await admin.close() })
  let closing = false
  await admin.register(status, { upstreams: () => app.upstreams, routes: () => routesOf(app), closing: () => closing, dashboard: false })
  t.same((await admin.inject('/ready')).json(), { ready: true, pools: { api: { ready: true, up: 1, of: 1 } } })
  t.match((await admin.inject('/api/state')).json(), { routes: [{ prefix: '/api', pool: 'api' }], pools: [{ name: 'api' }] })
  app.upstreams['api']?.drain(a.url)
  t.equal((await admin.inject('/ready')).statusCode, 503)
  closing = true
  t.match((await admin.inject('/ready')).json(), { ready: false, closing: true })
})

t.test('events begin with everything and go on with what has changed, and end with the app', async t => {
  const [a, b, c] = await Promise.all([named(t, 'a'), named(t, 'b'), named(t, 'c')])
  const { app, base, request } = await statusGateway(t, { name: 'api', prefix: '/api', targets: [a.url, b.url] }, { interval: 100, clients: 1 })
  const pool = app.upstreams['api']
  const over = new AbortController()
  t.teardown(() => { over.abort() })
  const feed = events(`${base}/api/events`, over.signal)
  const next = async (name: string, wanted: (data: never) => boolean): Promise<unknown> => {
    for (;;) {
      const { value, done } = await feed.next()
      if (done === true) throw new Error('it has ended')
      if (value.event === name && wanted(value.data as never)) return value.data
    }
  }
  const full = await next('state', () => true) as FullEvent
  t.match(full, { pools: [{ name: 'api', targets: [{ url: a.url }, { url: b.url }] }], transitions: [], actions: false })
  await t.rejects(events(`${base}/api/events`, over.signal).next(), { message: 'status 503' }, 'there is room for one')
  await (await request('/api')).body.dump()
  const tick = await next('tick', ({ totals }: TickEvent) => totals.requests === 1) as TickEvent
  t.same(tick.routes, [1])
  t.equal(tick.pools[0]?.rows.length, 1, 'one target has changed')
  pool?.drain(b.url)
  const drained = await next('tick', ({ transitions }: TickEvent) => transitions.length > 0) as TickEvent
  t.match(drained, { transitions: [{ target: b.url, health: 'draining' }], pools: [{ targets: [[1, { url: b.url, health: 'draining' }]] }] })
  pool?.add(c.url)
  t.match(await next('state', () => true), { pools: [{ targets: [{ url: a.url }, { url: b.url }, { url: c.url }] }] })
  const ended = feed.next().then(async function drain (result): Promise<boolean> { return result.done === true || await feed.next().then(drain) })
  await app.close()
  t.equal(await ended, true)
})

t.test('OpenAPI describes every route of the API', async t => {
  const a = await named(t, 'a')
  const { app } = await statusGateway(t, { name: 'api', prefix: '/api', targets: [a.url] }, {}, async app => {
    await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'gateway', version: '1' } } })
  })
  const document = app.swagger() as unknown as { openapi: string, paths: Record<string, Record<string, Operation>> }
  const paths = Object.entries(document.paths).filter(([path]) => path.startsWith('/_balancer'))
  t.same(paths.map(([path]) => path.slice('/_balancer'.length)).sort(), [
    '/api/events', '/api/pools/{pool}', '/api/pools/{pool}/configuration', '/api/pools/{pool}/drain', '/api/pools/{pool}/eject', '/api/pools/{pool}/explain',
    '/api/pools/{pool}/undrain', '/api/pools/{pool}/weight', '/api/state', '/api/transitions', '/live', '/ready'
  ])
  const ajv = new Ajv({ strict: false })
  for (const [path, methods] of paths) {
    for (const [method, operation] of Object.entries(methods)) {
      t.same([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name), (operation.parameters ?? []).filter(each => each.in === 'path').map(({ name }) => name), `params of ${path}`)
      for (const { content = {} } of [...Object.values(operation.responses), operation.requestBody ?? {}]) {
        for (const { schema } of Object.values(content)) t.equal(typeof ajv.compile(schema), 'function', `${path} has sound schemas`)
      }
      t.type(operation.summary, 'string', `${method} ${path}`)
      t.ok(Object.values(operation.responses).every(({ description }) => typeof description === 'string'), `answers of ${path} are described`)
    }
  }
})

interface Body { readonly description?: string, readonly content?: Record<string, { readonly schema: object }> }

interface Operation {
  readonly summary?: string
  readonly parameters?: ReadonlyArray<{ readonly in: string, readonly name: string }>
  readonly requestBody?: Body
  readonly responses: Record<string, Body>
}

t.test('a pool explains what it would do with a request, and changes nothing by it', async t => {
  const a = await named(t, 'a')
  const gateway = await statusGateway(t, { name: 'api', prefix: '/api', targets: [a.url] }, {})
  const path = '/api/pools/api/explain'
  const answer = await gateway.post(path, { key: 'ada', path: '/x', headers: { cookie: 'a=b' } })
  t.match(answer, { status: 200, body: { text: /round-robin/, explanation: { pool: 'api', policy: 'round-robin', method: 'GET', path: '/x', supposed: true } } })
  t.ok(JSON.stringify(answer.body).includes(a.url), 'it says who would be picked')
  t.match(await gateway.post(path, { method: 'NO WAY' }), { status: 400 })
  t.match(await gateway.post(path, { path: 'x' }), { status: 400 })
  t.match(await gateway.post(path, {}, { 'sec-fetch-site': 'cross-site' }), { status: 403 })
})
