import { once } from 'node:events'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import balancer, { type AttemptRecord, type Observer, type RouteOptions } from '../../lib/index.js'
import { gateway, logged, named, REFUSING, until, upstream, type Echo } from '../kit/index.js'

async function echoOf (response: { body: { json: () => Promise<unknown> } }): Promise<Echo> {
  return await response.body.json() as Echo
}

/** One pool, told on by an observer, with these routes to it. */
async function observed (t: Test, ...routes: RouteOptions[]) {
  const { url, hits } = await named(t, 'a')
  let settled = 0
  const attempts: AttemptRecord[] = []
  const observer: Observer = { settled () { settled++ } }
  const made = await gateway(t, {
    pools: { a: { targets: [url], observers: [observer] } },
    routes: routes.map(route => ({ ...route, pool: 'a' }))
  }, { before: app => { app.addHook('onResponse', async request => { attempts.push(...request.attempts) }) } })
  return { ...made, hits, attempts, settled: () => settled }
}

t.test('a hook that answers by itself keeps the request from the pool', async t => {
  for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
    const { app, request, hits, settled, attempts } = await observed(t, { [hook]: async (_request: FastifyRequest, reply: FastifyReply) => reply.code(401).send('no') })
    const response = await request('/x', { method: 'POST', body: 'x' })
    t.equal(response.statusCode, 401, hook)
    t.equal(await response.body.text(), 'no')
    t.same([hits(), settled(), attempts.length], [0, 0, 0])
    t.match(app.upstreams['a']?.targets, [{ inFlight: 0, counters: { attempts: 0 } }])
  }
})

t.test('a hook that throws keeps the request from the pool', async t => {
  const { request, hits } = await observed(t, { preHandler: async () => { throw Object.assign(new Error('not you'), { statusCode: 403 }) } })
  const response = await request('/x')
  t.equal(response.statusCode, 403)
  t.match(await response.body.json(), { message: 'not you' })
  t.equal(hits(), 0)
})

t.test("hooks of the route, its parents and the app run in Fastify's order, and see the attempts once there are any", async t => {
  const { url } = await named(t, 'a')
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  const order: string[] = []
  const note = (name: string) => async (request: { attempts: readonly unknown[] }): Promise<void> => { order.push(`${name} ${request.attempts.length}`) }
  app.addHook('onRequest', note('app onRequest'))
  await app.register(async scope => {
    scope.addHook('preHandler', note('parent preHandler'))
    await (scope as FastifyInstance).register(balancer, {
      prefix: '/in', targets: [REFUSING, url], policy: 'first', preHandler: [note('route preHandler 1'), note('route preHandler 2')], onResponse: note('route onResponse')
    })
    scope.get('/own', async () => 'own')
  }, { prefix: '/parent' })
  app.addHook('onResponse', note('app onResponse'))
  t.equal((await app.inject('/parent/in/x')).statusCode, 200)
  t.same(order, ['app onRequest 0', 'parent preHandler 0', 'route preHandler 1 0', 'route preHandler 2 0', 'app onResponse 2', 'route onResponse 2'])
  t.equal((await app.inject('/parent/own')).body, 'own')
})

t.test('routes on one pool share its rotation and its counters', async t => {
  const targets = await Promise.all(['a', 'b'].map(async name => (await named(t, name)).url))
  const { app, request } = await gateway(t, { pools: { p: { targets } }, routes: [{ prefix: '/one', pool: 'p' }, { prefix: '/two', pool: 'p', rewritePrefix: '/2' }] })
  const names = []
  for (const path of ['/one/x', '/two/x', '/one/x', '/two/x']) names.push((await echoOf(await request(path))).name)
  t.same(names, [names[0], names[1], names[0], names[1]])
  t.not(names[0], names[1])
  t.same(app.upstreams['p']?.targets.map(({ counters }) => counters.answered), [2, 2])
})

t.test('constraints choose between routes at one prefix', async t => {
  const { url: a } = await named(t, 'a')
  const { url: b } = await named(t, 'b')
  const { request } = await gateway(t, {
    pools: { a: { targets: [a] }, b: { targets: [b] } },
    routes: [
      { prefix: '/x', pool: 'a', constraints: { host: 'a.test' } }, { prefix: '/x', pool: 'b', constraints: { host: /^b\./ } },
      { prefix: '/v', pool: 'a', constraints: { version: '1.2.0' } }, { prefix: '/v', pool: 'b', constraints: { version: '2.0.0' } }
    ]
  })
  t.equal((await echoOf(await request('/x', { headers: { host: 'a.test' } }))).name, 'a')
  t.equal((await echoOf(await request('/x', { headers: { host: 'b.test' } }))).name, 'b')
  t.equal((await echoOf(await request('/v', { headers: { 'accept-version': '1.x' } }))).name, 'a')
  t.equal((await echoOf(await request('/v', { headers: { 'accept-version': '2.0.0' } }))).name, 'b')
  for (const headers of [{ host: 'c.test' }, { 'accept-version': '3.0.0' }]) {
    const { statusCode, body } = await request('host' in headers ? '/x' : '/v', { headers })
    await body.dump()
    t.equal(statusCode, 404)
  }
})

t.test('config and schema are the route\'s', async t => {
  const seen: unknown[] = []
  const { request, hits } = await observed(t, {
    prefix: '/u/:id',
    config: { tier: 'gold' },
    schema: { params: { type: 'object', properties: { id: { type: 'integer' } } }, querystring: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } },
    preHandler: async request => { seen.push((request.routeOptions.config as { tier?: string }).tier, (request.params as { id: unknown }).id) }
  })
  t.equal((await echoOf(await request('/u/7/x?n=007'))).url, '/x?n=007')
  t.same(seen, ['gold', 7])
  for (const path of ['/u/seven/x?n=1', '/u/7/x', '/u/7/x?n=one']) {
    const { statusCode, body } = await request(path)
    await body.dump()
    t.equal(statusCode, 400, path)
  }
  t.equal(hits(), 1)
})

t.test('a rewritten prefix gets a param in the bytes that came, even if a schema turned it into a number', async t => {
  const { request } = await observed(t, { prefix: '/u/:id', rewritePrefix: '/n/:id', schema: { params: { type: 'object', properties: { id: { type: 'integer' } } } } })
  t.equal((await echoOf(await request('/u/007/x'))).url, '/n/007/x')
})

t.test('httpMethods are all that is forwarded, with HEAD where there is GET', async t => {
  const { request, hits } = await observed(t, { httpMethods: ['get', 'POST'] })
  const answers: Record<string, number> = {}
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const) {
    const { statusCode, body } = await request('/x', { method })
    await body.dump()
    answers[method] = statusCode
  }
  t.same(answers, { GET: 200, HEAD: 200, POST: 200, PUT: 404, DELETE: 404, PATCH: 404, OPTIONS: 404 })
  t.equal(hits(), 3)
})

t.test('methods that were added to the app can be forwarded', async t => {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, { targets: [url], httpMethods: ['PROPFIND', 'MKCOL'] }, {
    before: app => { app.addHttpMethod('PROPFIND', { hasBody: true }).addHttpMethod('MKCOL') }
  })
  const response = await request('/x', { method: 'PROPFIND' as 'GET', body: '<a/>', headers: { 'content-type': 'application/xml' } })
  t.match(await response.body.json(), { method: 'PROPFIND', bytes: 4 })
  t.match(await (await request('/x', { method: 'MKCOL' as 'GET' })).body.json(), { method: 'MKCOL', bytes: 0 })
})

t.test('an error is the app\'s to answer, and the route\'s before it', async t => {
  const { request } = await gateway(t, {
    pools: { none: { targets: [REFUSING] } },
    routes: [{ prefix: '/app', pool: 'none' }, { prefix: '/route', pool: 'none', errorHandler: (error, _request, reply) => { reply.code(418).send({ own: error.code }) } }]
  }, { before: app => { app.setErrorHandler((error: Error & { code?: string }, _request, reply) => { reply.code(599).send({ app: error.code }) }) } })
  const own = await request('/route/x')
  t.same([own.statusCode, await own.body.json()], [418, { own: 'FST_BALANCER_UNREACHABLE' }])
  const byApp = await request('/app/x')
  t.same([byApp.statusCode, await byApp.body.json()], [599, { app: 'FST_BALANCER_UNREACHABLE' }])
})

t.test('handlerTimeout ends the exchange and lets go of the target', async t => {
  const slow = await upstream(t, () => {})
  const arrived = once(slow.server, 'request')
  const { app, request } = await gateway(t, { name: 'slow', targets: [slow.url], handlerTimeout: 300 })
  const answer = request('/x')
  await arrived
  const { statusCode, body } = await answer
  await body.dump()
  t.equal(statusCode, 503)
  await until(() => app.upstreams['slow']?.targets[0]?.inFlight === 0)
  t.match(app.upstreams['slow']?.targets[0]?.counters, { aborted: 1, faults: 0 })
})
