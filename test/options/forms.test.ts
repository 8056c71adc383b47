import t from 'tap'
import Fastify from 'fastify'
import balancer, { type BalancerOptions } from '../../lib/index.js'
import { refusal, refuses, URL_A } from './refusal.js'

const targets = [URL_A]

t.test('the two forms must not be mixed', async t => {
  const pools = { users: { targets } }
  const reason = 'belongs to the short form, and there are pools or routes, must be left out'
  await refuses(t, { pools, targets }, `targets: ${reason}`)
  await refuses(t, { pools, upstream: URL_A }, `upstream: ${reason}`)
  await refuses(t, { pools, name: 'x' }, `name: ${reason}`)
  await refuses(t, { pools, retries: 1 }, `retries: ${reason}`)
  await refuses(t, { pools, rewritePrefix: '/x' }, `rewritePrefix: ${reason}`)
  await refuses(t, { routes: [], policy: 'random' }, `policy: ${reason}`)
  await refuses(t, { targets, routes: [{ prefix: '/x', pool: 'users' }] }, "routes[0]: { prefix: '/x', pool: 'users' }, must be a path that begins with '/'")
})

t.test('the short form must have targets or an upstream, and not both', async t => {
  const missing = 'targets: missing, must be a list of URLs; or give upstream, or pools and routes'
  for (const options of [{}, { prefix: '/x' }, { targets: undefined }, undefined]) await refuses(t, options, missing)
  await refuses(t, { upstream: URL_A, targets }, 'upstream: there are targets, must be left out')
  await refuses(t, { upstream: '' }, "upstream: '', must be a URL; several are given as targets, among which a policy chooses")
  await refuses(t, { upstream: [URL_A] }, `upstream: [ '${URL_A}' ], must be a URL; several are given as targets, among which a policy chooses`)
})

t.test('an unknown option at the top is refused with a list of those that there are', async t => {
  await refuses(t, { pools: {}, route: [] }, 'route: unknown option, allowed are pools, routes, prefix, requestLog, logLevel, logSerializers')
  t.match((await refusal({ targets, polcy: 'random' })).message, /^polcy: unknown option, allowed are targets, policy, .+, upstream, name$/)
})

t.test('pools and routes must be an object and a list', async t => {
  for (const [pools, shown] of [[[], '[]'], [5, '5'], [null, 'null'], ['users', "'users'"]]) {
    await refuses(t, { pools }, `pools: ${String(shown)}, must be an object`)
  }
  await refuses(t, { pools: { users: 5 } }, 'pools.users: 5, must be an object')
  await refuses(t, { pools: { users: targets } }, `pools.users: [ '${URL_A}' ], must be an object`)
  await refuses(t, { pools: {}, routes: {} }, 'routes: {}, must be a list')
  await refuses(t, { routes: ['/users'] }, "routes[0]: '/users', must be an object")
})

t.test('a name that objects have already is no name for a pool', async t => {
  const allowed = 'a text that is not empty and not the name of a property of every object'
  const named = (name: string): unknown => JSON.parse(`{ "pools": { "${name}": { "targets": ["${URL_A}"] } } }`)
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    await refuses(t, named(name), `pools.${name}: the name must be ${allowed}`)
    await refuses(t, { name, targets }, `name: '${name}', must be ${allowed}`)
  }
  await refuses(t, named(''), `pools['']: the name must be ${allowed}`)
  await refuses(t, { name: '', targets }, `name: '', must be ${allowed}`)
})

t.test('options that try to reach the prototype are refused and change nothing', async t => {
  const shorts = (await refusal(JSON.parse(`{ "__proto__": { "polluted": 1 }, "targets": ["${URL_A}"] }`))).message
  t.match(shorts, /^__proto__: unknown option, /)
  const long = (await refusal(JSON.parse(`{ "pools": { "users": { "targets": ["${URL_A}"], "__proto__": { "polluted": 1 } } } }`))).message
  t.match(long, /^pools\.users\.__proto__: unknown option, /)
  const deep = (await refusal(JSON.parse(`{ "targets": ["${URL_A}"], "timeouts": { "constructor": { "prototype": { "polluted": 1 } } } }`))).message
  t.match(deep, /^timeouts\.constructor: unknown option, /)
  t.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

t.test('a pool must have a name that no other pool of the app has, whoever registered it', async t => {
  for (const [again, message] of [
    [{ pools: { users: { targets } } }, "pools.users: a pool 'users' is registered already, must have another name"],
    [{ prefix: '/users/', targets, routes: ['/other'] }, "name: a pool 'users' is registered already, must have another name"]
  ] as Array<[BalancerOptions, string]>) {
    const app = Fastify()
    t.teardown(async () => { await app.close().catch(() => {}) })
    await app.register(balancer, { prefix: '/users', targets })
    app.register(async scope => { await scope.register(balancer, again) })
    await t.rejects(async () => { await app.ready() }, { code: 'FST_BALANCER_BAD_OPTION', message })
  }
})

t.test('the short form names its pool after its prefix', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const registrations: BalancerOptions[] = [
    { targets }, { prefix: '/api', targets }, { prefix: '/v1/users/', targets }, { prefix: '/t/:id', upstream: URL_A }, { prefix: '/named', name: 'mine', targets }
  ]
  for (const options of registrations) await app.register(balancer, options)
  t.same(Object.keys(app.upstreams), ['default', 'api', 'v1/users', 't/:id', 'mine'])
  t.same(app.upstreams['t/:id']?.targets.map(({ url }) => url), [URL_A])
})

t.test('one pool and no route, or nothing at all, is fine', async t => {
  for (const options of [{ pools: {} }, { routes: [] }, { pools: { users: { targets } } }, { pools: undefined, routes: [] }] as BalancerOptions[]) {
    const app = Fastify()
    await app.register(balancer, options)
    await app.ready()
    t.equal((await app.inject('/')).statusCode, 404)
    await app.close()
  }
})
