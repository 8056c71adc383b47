import { Readable } from 'node:stream'
import t from 'tap'
import Fastify from 'fastify'
import balancer, { type BalancerOptions } from '../../lib/index.js'
import { refusal, refuses, route, URL_A } from './refusal.js'

const targets = [URL_A]

t.test('an unknown option of a route is refused with a list of those that there are', async t => {
  const { code, message } = await refusal(route({ perfix: '/x' }))
  t.equal(code, 'FST_BALANCER_BAD_OPTION')
  t.match(message, /^routes\[0\]\.perfix: unknown option, allowed are prefix, rewritePrefix, httpMethods, .*preHandler.*, pool$/)
  await refuses(t, route({ replyOptions: { onRespond () {} } }), 'routes[0].replyOptions.onRespond: unknown option, allowed are ' +
    'onResponse, onError, rewriteHeaders, rewriteRequestHeaders, queryString, body, contentType, method, timeout')
  for (const option of ['method', 'url']) {
    t.match((await refusal(route({ [option]: {} }))).message, new RegExp(`^routes\\[0\\]\\.${option}: unknown option`))
    t.match((await refusal({ targets, [option]: {} })).message, new RegExp(`^${option}: unknown option`))
  }
})

t.test('a route must lead to a pool that there is', async t => {
  const pools = { users: { targets }, orders: { targets } }
  await refuses(t, { pools, routes: [{ prefix: '/x' }] }, 'routes[0].pool: missing, must be given')
  await refuses(t, { pools, routes: [{ pool: 'users' }, { prefix: '/x', pool: 'user' }] }, "routes[1].pool: 'user' is not a pool, must be one of users, orders")
  await refuses(t, { pools, routes: [{ pool: '__proto__' }] }, "routes[0].pool: '__proto__' is not a pool, must be one of users, orders")
  await refuses(t, { pools, routes: [{ pool: 'constructor' }] }, "routes[0].pool: 'constructor' is not a pool, must be one of users, orders")
  await refuses(t, { pools, routes: [{ pool: 5 }] }, 'routes[0].pool: 5, must be a text')
  await refuses(t, { routes: [{ pool: 'users' }] }, "routes[0].pool: 'users' is not a pool, must be one of none")
})

t.test('a prefix must be a path that requests can have', async t => {
  for (const prefix of ['api', '/a*', '/a/*', '/a?b', '/:id?', '/a#b', '/a/../b', '/a/%2e%2E', 'http://a.test/x', '*']) {
    await refuses(t, route({ prefix }), `routes[0].prefix: '${prefix}', must be empty or a path that begins with '/', without '?', '#', '*' and '..'`)
    await refuses(t, { targets, prefix }, `prefix: '${prefix}', must be empty or a path that begins with '/', without '?', '#', '*' and '..'`)
  }
  await refuses(t, route({ prefix: null }), "routes[0].prefix: null, must be empty or a path that begins with '/', without '?', '#', '*' and '..'")
})

t.test('the same prefix twice is refused and named, unless constraints or methods tell the routes apart', async t => {
  const pools = { users: { targets } }
  const twice = (first: object, second: object): object => ({ pools, routes: [{ pool: 'users', ...first }, { pool: 'users', ...second }] })
  await refuses(t, twice({ prefix: '/x' }, { prefix: '/x' }), "routes[1].prefix: '/x', must be free, and the app has a route at '/x/' already")
  await refuses(t, twice({ prefix: '/x' }, { prefix: '/x/' }), "routes[1].prefix: '/x/', must be free, and the app has a route at '/x/' already")
  await refuses(t, twice({}, { prefix: '/' }), "routes[1].prefix: '/', must be free, and the app has a route at '/' already")
  await refuses(t, twice({ prefix: '/:a' }, { prefix: '/:b' }), "routes[1].prefix: '/:b', must be free, and the app has a route at '/:b/' already")

  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, { ...twice({ prefix: '/x', constraints: { host: 'a' } }, { prefix: '/x', constraints: { host: 'b' } }) })
  await app.register(balancer, { name: 'get', targets, prefix: '/y', httpMethods: ['GET', 'HEAD'] })
  await app.register(balancer, { name: 'post', targets, prefix: '/y', httpMethods: ['POST'] })
  await t.rejects(async () => { await app.register(balancer, { name: 'again', targets, prefix: '/y', httpMethods: ['POST'] }) }, {
    code: 'FST_BALANCER_BAD_OPTION', message: "prefix: '/y', must be free, and the app has a route at '/y/' already"
  })
})

t.test('rewritePrefix must be a path that may be sent, with params that the prefix has', async t => {
  const allowed = "must be empty or a path that begins with '/', in ASCII, without '?', '#' and '..'"
  for (const rewritePrefix of ['v2', '/../v2', '/v2/..', '/v2/%2e%2e/x', '/v2\\..', '/v2?x', '/v2#x', '/v 2', '/vé']) {
    const { code, message } = await refusal(route({ prefix: '/a', rewritePrefix }))
    t.equal(code, 'FST_BALANCER_BAD_OPTION')
    t.ok(message.startsWith('routes[0].rewritePrefix: ') && message.endsWith(allowed), message)
  }
  await refuses(t, route({ prefix: '/a/:id', rewritePrefix: '/:id/:x' }), "routes[0].rewritePrefix: '/:id/:x', must use params of the prefix, which has no :x")
  await refuses(t, { targets, prefix: '/a', rewritePrefix: '/:id' }, "rewritePrefix: '/:id', must use params of the prefix, which has no :id")
  for (const options of [{ prefix: '/a', rewritePrefix: '/...' }, { prefix: '/a', rewritePrefix: '/a..b/' }, { prefix: '/:a-:b', rewritePrefix: '/:b/:a' }]) {
    const app = Fastify()
    await app.register(balancer, { targets, ...options })
    await app.close()
  }
})

t.test('a param of a parent may be used in rewritePrefix', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(async scope => {
    await scope.register(balancer, { targets, prefix: '/things', rewritePrefix: '/:tenant/things' })
  }, { prefix: '/t/:tenant' })
  t.ok(app.upstreams['things'])
})

t.test('methods and paths must be lists of what there is', async t => {
  const supported = Fastify().supportedMethods.join(', ')
  await refuses(t, route({ httpMethods: ['GET', 'FOO'] }), `routes[0].httpMethods: 'FOO', must be among ${supported}`)
  await refuses(t, route({ httpMethods: ['CONNECT'] }), `routes[0].httpMethods: 'CONNECT', must be among ${supported}`)
  await refuses(t, route({ httpMethods: ['G T'] }), "routes[0].httpMethods[0]: 'G T', must be a method, in upper or lower case")
  await refuses(t, route({ httpMethods: 'GET' }), "routes[0].httpMethods: 'GET', must be a list")
  await refuses(t, route({ httpMethods: [] }), 'routes[0].httpMethods: [], must not be empty')
  await refuses(t, route({ httpMethods: ['GET', 'GET'] }), "routes[0].httpMethods: [ 'GET', 'GET' ], must not have the same item twice")
  await refuses(t, route({ routes: ['x'] }), "routes[0].routes[0]: 'x', must be a path that begins with '/'")
  await refuses(t, route({ routes: [] }), 'routes[0].routes: [], must not be empty')
  await refuses(t, route({ routes: ['/', '/'] }), "routes[0].routes: [ '/', '/' ], must not have the same item twice")
})

t.test('options of a route must be what they are meant to be', async t => {
  for (const via of ['a b', '', 'gate:way', true, null]) {
    t.match((await refusal(route({ via }))).message, /^routes\[0\]\.via: .+, must be a name without spaces, or false$/)
  }
  for (const option of ['preserveHost', 'internalRewriteLocationHeader', 'proxyPayloads', 'attachValidation', 'exposeHeadRoute']) {
    await refuses(t, route({ [option]: 'yes' }), `routes[0].${option}: 'yes', must be true or false`)
  }
  await refuses(t, route({ preRewrite: '/x' }), "routes[0].preRewrite: '/x', must be a function")
  await refuses(t, route({ errorHandler: {} }), 'routes[0].errorHandler: {}, must be a function')
  for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend', 'onResponse', 'onError', 'onTimeout', 'onRequestAbort']) {
    await refuses(t, route({ [hook]: 5 }), `routes[0].${hook}: 5, must be a function or a list of functions`)
    await refuses(t, route({ [hook]: [() => {}, 5] }), `routes[0].${hook}: [ [Function (anonymous)], 5 ], must be a function or a list of functions`)
  }
  await refuses(t, route({ config: 5 }), 'routes[0].config: 5, must be an object')
  await refuses(t, route({ constraints: 'a.test' }), "routes[0].constraints: 'a.test', must be an object")
  await refuses(t, route({ constraints: { colour: 'red' } }), 'routes[0]: No strategy registered for constraint key colour')
  await refuses(t, route({ bodyLimit: -1 }), 'routes[0].bodyLimit: -1, must be >= 1')
  await refuses(t, route({ prefixTrailingSlash: 'yes' }), "routes[0].prefixTrailingSlash: 'yes', must be one of 'slash', 'no-slash', 'both'")
  await refuses(t, route({ httpMethods: ['POST'], schema: { body: { type: 'object' } } }),
    'routes[0].schema.body: bodies are forwarded unread, must be left out unless proxyPayloads is false')
})

t.test('options of reply.from that would choose a target or repeat a request are refused', async t => {
  const chooses = 'the pool chooses the target; targets with a policy function, or several registrations with constraints, choose by request, must be left out'
  const repeats = "the pool's retries decide about that, must be left out"
  for (const [option, reason] of Object.entries({
    getUpstream: chooses, retriesCount: repeats, retryDelay: repeats, maxRetriesOn503: repeats
  })) {
    await refuses(t, route({ replyOptions: { [option]: () => '' } }), `routes[0].replyOptions.${option}: ${reason}`)
    await refuses(t, { targets, replyOptions: { [option]: 0 } }, `replyOptions.${option}: ${reason}`)
  }
})

t.test('options of reply.from must be what they are meant to be', async t => {
  for (const option of ['onResponse', 'onError', 'rewriteHeaders', 'rewriteRequestHeaders']) {
    await refuses(t, route({ replyOptions: { [option]: {} } }), `routes[0].replyOptions.${option}: {}, must be a function`)
  }
  await refuses(t, route({ replyOptions: { queryString: 'a=1' } }), "routes[0].replyOptions.queryString: 'a=1', must be an object or a function")
  await refuses(t, route({ replyOptions: { timeout: -1 } }), 'routes[0].replyOptions.timeout: -1, must be >= 0')
  await refuses(t, route({ replyOptions: { timeout: 0.5 } }), 'routes[0].replyOptions.timeout: 0.5, must be an integer')
  await refuses(t, route({ replyOptions: { contentType: '' } }), "routes[0].replyOptions.contentType: '', must not be empty")
  await refuses(t, route({ replyOptions: { method: 'G T' } }), "routes[0].replyOptions.method: 'G T', must be a method in upper case")
  t.match((await refusal(route({ replyOptions: { body: Readable.from([]) } }))).message, /^routes\[0\]\.replyOptions\.body: .+, must be anything but a stream$/)
  await refuses(t, route({ replyOptions: [] }), 'routes[0].replyOptions: [], must be an object')
})

t.test('whatever the manual says is allowed is allowed', async t => {
  const fine = [
    {}, { prefix: '' }, { prefix: '/' }, { prefix: '/a/' }, { prefix: '/:id' }, { prefix: '/:id(^\\d*$)' }, { prefix: '/:id(^a?b#*$)/x' }, { prefix: '/é' }, { prefix: '/a b' },
    { rewritePrefix: '' }, { rewritePrefix: '/' }, { rewritePrefix: '/%C3%A9;v=1/' }, { httpMethods: ['get', 'GET', 'post'] }, { routes: ['/', '/x/*'] }, { via: false },
    { via: 'edge-1' }, { via: 'edge.test:8080' }, { config: { a: 1 }, bodyLimit: 1, preHandler: [async () => {}], onRequest: async () => {} },
    { proxyPayloads: false, httpMethods: ['POST'], schema: { body: { type: 'object' } } }, { schema: { hide: true } }, { logLevel: 'warn', logSerializers: {} },
    { replyOptions: {} }, { replyOptions: { queryString: {}, body: null, timeout: 0, method: 'POST', contentType: 'text/plain' } }, { prefix: undefined, via: undefined, replyOptions: undefined }
  ]
  for (const options of fine) {
    const app = Fastify()
    await app.register(balancer, { targets, ...options } as BalancerOptions)
    await app.ready()
    t.equal(Object.keys(app.upstreams).length, 1)
    await app.close()
  }
})
