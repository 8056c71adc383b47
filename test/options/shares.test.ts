import t from 'tap'
import Fastify from 'fastify'
import balancer, { type PoolOptions, type TargetConfig } from '../../lib/index.js'
import { pool, refuses, route, URL_A } from './refusal.js'
import { refusesEach } from './table.js'

t.test('a slow start must be milliseconds, or an object with options that there are', async t => {
  await refusesEach(t, 'slowStart', [
    [0, ': 0, must be > 0'],
    [-5, ': -5, must be > 0'],
    ['10s', ": '10s', must be a finite number"],
    [true, ': true, must be a finite number'],
    [2 ** 31, ': 2147483648, must be <= 2147483647'],
    [{ agression: 1 }, '.agression: unknown option, allowed are window, minimum, aggression'],
    [{ window: 0 }, '.window: 0, must be > 0'],
    [{ minimum: 0 }, '.minimum: 0, must be > 0'],
    [{ minimum: 2 }, '.minimum: 2, must be <= 1'],
    [{ aggression: 0 }, '.aggression: 0, must be > 0']
  ])
})

t.test('zones must be texts, priorities integers that are not negative, and overprovisioning 1 or more', async t => {
  await refusesEach(t, 'zone', [['', ": '', must not be empty"], [5, ': 5, must be a text'], [null, ': null, must be a text']])
  await refusesEach(t, 'overprovisioning', [[0.9, ': 0.9, must be >= 1'], [NaN, ': NaN, must be a finite number'], ['1.4', ": '1.4', must be a finite number"]])
  for (const [priority, shown] of [[-1, '-1'], [1.5, '1.5'], ['1', "'1'"], [NaN, 'NaN'], [null, 'null']]) {
    await refuses(t, pool({ targets: [{ url: URL_A, priority }] }), `pools.users.targets[0].priority: ${String(shown)}, must be an integer >= 0`)
  }
  for (const [zone, shown] of [['', "''"], [5, '5'], [null, 'null']]) {
    await refuses(t, pool({ targets: [{ url: URL_A, zone }] }), `pools.users.targets[0].zone: ${String(shown)}, must be a text that is not empty`)
  }
})

t.test('the field for drains must be the name of one, or false', async t => {
  for (const [value, shown] of [[true, 'true'], ['', "''"], ['a b', "'a b'"], ['x:y', "'x:y'"], [null, 'null'], [5, '5']]) {
    await refusesEach(t, 'drainHeader', [[value, `: ${String(shown)}, must be the name of a header field`]])
  }
})

t.test('an importance must be a finite number or a function', async t => {
  for (const [importance, shown] of [[NaN, 'NaN'], [Infinity, 'Infinity'], ['1', "'1'"], [null, 'null'], [{}, '{}']]) {
    await refuses(t, route({ importance }), `routes[0].importance: ${String(shown)}, must be a finite number or a function`)
  }
})

t.test('a deadline must have the name of a field', async t => {
  for (const [deadline, message] of [
    [true, ': true, must be an object'],
    ['x-timeout', ": 'x-timeout', must be an object"],
    [{}, '.header: missing, must be given'],
    [{ header: '' }, ".header: '', must be the name of a header field"],
    [{ header: 'a b' }, ".header: 'a b', must be the name of a header field"],
    [{ header: 'x', send: 1 }, '.send: 1, must be true or false'],
    [{ header: 'x', minimum: -1 }, '.minimum: -1, must be >= 0'],
    [{ header: 'x', min: 1 }, '.min: unknown option, allowed are header, send, minimum']
  ] as const) await refuses(t, route({ deadline }), `routes[0].deadline${message}`)
})

t.test('whatever the manual says is allowed is allowed', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const fine: Array<Omit<PoolOptions, 'targets'> & { targets?: TargetConfig[] }> = [
    { slowStart: 1 }, { slowStart: {} }, { slowStart: { window: 5, minimum: 1, aggression: 0.5 } }, { zone: 'eu-1a', overprovisioning: 1 }, { overprovisioning: 10 },
    { drainHeader: false }, { drainHeader: 'X-Drain' }, { targets: [{ url: URL_A, priority: 0, zone: 'a' }, { url: 'http://b.test', priority: 9 }] }
  ]
  const routes = [{ importance: -1 }, { importance: 0.5 }, { importance: () => 1 }, { deadline: { header: 'X-Request-Timeout', send: true, minimum: 5 } }]
  await app.register(balancer, {
    pools: Object.fromEntries(fine.map((options, i) => [`pool${i}`, { targets: [URL_A], ...options }])),
    routes: routes.map((options, i) => ({ pool: 'pool0', prefix: `/${i}`, ...options }))
  })
  t.equal(Object.keys(app.upstreams).length, fine.length)
})
