import Fastify from 'fastify'
import t from 'tap'
import balancer from '../lib/index.js'
import type { Health } from '../lib/outcome.js'
import { readiness, readinessHandler, type ReadinessOptions } from '../lib/readiness.js'
import type { TargetSnapshot } from '../lib/target.js'

const COUNTERS = { attempts: 0, answered: 0, unsent: 0, failed: 0, broken: 0, aborted: 0, faults: 0 }

/** A pool with targets of this health. */
function pool (...healths: readonly Health[]): { targets: TargetSnapshot[] } {
  return {
    targets: healths.map((health, i) => ({
      url: `http://10.0.0.${i}`, weight: 1, health, reason: undefined, inFlight: 0, latency: undefined, counters: COUNTERS
    } as unknown as TargetSnapshot))
  }
}

const many = (up: number, down: number): Health[] => [...Array<Health>(up).fill('up'), ...Array<Health>(down).fill('down')]

for (const [require, ready, unready] of [
  ['any', [['up'], ['up', 'down', 'down'], ['up', 'draining'], ['up', 'trial']], [['down'], ['down', 'trial'], ['draining'], ['down', 'draining'], []]],
  ['quorum', [['up'], ['up', 'up', 'down'], ['up', 'draining', 'draining'], many(3, 2)], [['up', 'down'], ['up', 'down', 'down'], ['up', 'trial'], many(2, 2), ['draining'], []]],
  ['all', [['up'], ['up', 'up'], ['up', 'draining']], [['up', 'down'], ['up', 'trial'], ['draining'], []]],
  [0.5, [['up'], ['up', 'down'], ['up', 'down', 'draining']], [['up', 'down', 'down'], ['up', 'down', 'trial'], ['draining'], []]],
  [0.14, [many(7, 43)], [many(6, 44)]],
  [1, [['up', 'up', 'draining']], [['up', 'down'], many(99, 1), []]],
  [0, [['up'], ['down'], ['draining'], []], []]
] as ReadonlyArray<[NonNullable<ReadinessOptions['require']>, Health[][], Health[][]]>) {
  t.test(`require: ${require}`, async t => {
    for (const [expected, samples] of [[true, ready], [false, unready]] as const) {
      for (const healths of samples) t.equal(readiness({ users: pool(...healths) }, { require }).ready, expected, healths.join(' '))
    }
  })
}

t.test('every pool has to be ready, or those that are named', async t => {
  const upstreams = { users: pool('up', 'down', 'draining'), orders: pool('down', 'trial') }
  const users = { ready: true, up: 1, of: 2 }
  const orders = { ready: false, up: 0, of: 2 }
  t.strictSame(readiness(upstreams), { ready: false, pools: { users, orders } })
  t.strictSame(readiness(upstreams, { pools: ['users'] }), { ready: true, pools: { users } })
  t.strictSame(readiness(upstreams, { pools: ['orders'] }), { ready: false, pools: { orders } })
  t.strictSame(readiness({}), { ready: true, pools: {} })
})

t.test('a name that is not a pool\'s is an error, and the properties of every object are no pools', async t => {
  const upstreams = { users: pool('up'), orders: pool('up') }
  for (const name of ['user', 'constructor', '__proto__', '']) {
    t.throws(() => readiness(upstreams, { pools: ['users', name] }), {
      code: 'FST_BALANCER_BAD_OPTION', message: `pools[1]: '${name}' is not a pool, must be one of users, orders`
    })
  }
  t.throws(() => readiness({}, { pools: ['users'] }), { message: "pools[0]: 'users' is not a pool, must be one of none" })
})

for (const [options, message] of [
  [{ require: 'some' }, "require: 'some', must be 'any', 'quorum', 'all' or a share from 0 to 1"],
  [{ require: 1.1 }, "require: 1.1, must be 'any', 'quorum', 'all' or a share from 0 to 1"],
  [{ require: -0.1 }, "require: -0.1, must be 'any', 'quorum', 'all' or a share from 0 to 1"],
  [{ require: NaN }, "require: NaN, must be 'any', 'quorum', 'all' or a share from 0 to 1"],
  [{ require: null }, "require: null, must be 'any', 'quorum', 'all' or a share from 0 to 1"],
  [{ pools: [] }, 'pools: [], must not be empty'],
  [{ pools: 'users' }, "pools: 'users', must be a list"],
  [{ pools: ['users', 1] }, 'pools[1]: 1, must be a text'],
  [{ pools: ['users', 'users'] }, "pools: [ 'users', 'users' ], must not have the same item twice"],
  [{ closing: true }, 'closing: true, must be a function'],
  [{ requires: 'all' }, 'requires: unknown option, allowed are require, pools, closing']
] as const) {
  t.test(`refused at once: ${message}`, async t => {
    t.throws(() => readinessHandler(options as object), { code: 'FST_BALANCER_BAD_OPTION', message })
  })
}

t.test('a handler has an answer that is not kept, until the app closes', async t => {
  let closing = false
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, { prefix: '/users', name: 'users', targets: ['http://127.0.0.1:1', { url: 'http://127.0.0.1:2', weight: 0 }] })
  app.get('/ready', readinessHandler({ closing: () => closing }))
  const ready = await app.inject('/ready')
  t.equal(ready.statusCode, 200)
  t.equal(ready.headers['cache-control'], 'no-store')
  t.strictSame(ready.json(), { ready: true, pools: { users: { ready: true, up: 1, of: 1 } } })
  t.equal((await app.inject({ method: 'HEAD', url: '/ready' })).statusCode, 200)
  closing = true
  const late = await app.inject('/ready')
  t.equal(late.statusCode, 503)
  t.equal(late.headers['cache-control'], 'no-store')
  t.strictSame(late.json(), { ready: false, closing: true })
})

t.test('a handler for a pool that there is none of says so', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, { name: 'users', prefix: '/users', targets: ['http://127.0.0.1:1'] })
  app.get('/ready', readinessHandler({ pools: ['orders'] }))
  const answer = await app.inject('/ready')
  t.equal(answer.statusCode, 500)
  t.match(answer.json(), { code: 'FST_BALANCER_BAD_OPTION', message: "pools[0]: 'orders' is not a pool, must be one of users" })
})
