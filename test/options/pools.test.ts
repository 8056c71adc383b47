import t from 'tap'
import Fastify from 'fastify'
import balancer from '../../lib/index.js'
import { pool, refusal, refuses, URL_A } from './refusal.js'

const POOL_OPTIONS = 'targets, discovery, discoveryTimeout, policy, retries, hedge, breaker, limits, zone, overprovisioning, slowStart, affinity, drainHeader, replayBytes, panic, ' +
  'health, timeouts, tls, observers'
const POLICIES = "'round-robin', 'random', 'least-requests', 'p2c', 'first'"

t.test('an unknown option of a pool is refused with a list of those that there are', async t => {
  await refuses(t, pool({ wieght: 1 }), `pools.users.wieght: unknown option, allowed are ${POOL_OPTIONS}`)
  await refuses(t, pool({ timeouts: { conect: 1 } }), 'pools.users.timeouts.conect: unknown option, allowed are connect, try, headers, idle, total, tunnel, grace')
  await refuses(t, pool({ tls: { pfx: 'x' } }), 'pools.users.tls.pfx: unknown option, allowed are ca, caFile, cert, certFile, key, keyFile, passphrase, reloadInterval, servername, rejectUnauthorized')
  await refuses(t, pool({ policy: { name: 'hash', key: 'path', salt: 1 } }), 'pools.users.policy.salt: unknown option, allowed are name, key, fallback')
  await refuses(t, pool({ policy: { name: 'hash', key: { heder: 'x-user' } } }), 'pools.users.policy.key.heder: unknown option, allowed are header, cookie, query')
})

t.test('a pool with a name that is no identifier is named all the same', async t => {
  await refuses(t, { pools: { 'v1.users': { targets: [URL_A], retries: -1 } } }, "pools['v1.users'].retries: -1, must be >= 0")
  await refuses(t, { pools: { 'a/b~c': { targets: ['b'] } } }, "pools['a/b~c'].targets[0]: 'b', must be an absolute http: or https: URL")
  await refuses(t, { pools: { 7: { targets: [URL_A], panic: 2 } } }, 'pools[7].panic: 2, must be <= 1')
})

t.test('a policy must be one that there is, or a function', async t => {
  for (const [policy, shown] of [['rr', "'rr'"], ['hash', "'hash'"], ['toString', "'toString'"], [5, '5'], [null, 'null'], [true, 'true']]) {
    await refuses(t, pool({ policy }), `pools.users.policy: ${String(shown)}, must be one of ${POLICIES}, { name: 'hash', key } or a function`)
  }
})

t.test('the hash policy must say what it goes by', async t => {
  await refuses(t, pool({ policy: {} }), 'pools.users.policy.name: missing, must be given')
  await refuses(t, pool({ policy: { name: 'hash' } }), 'pools.users.policy.key: missing, must be given')
  await refuses(t, pool({ policy: { name: 'ring', key: 'path' } }), "pools.users.policy.name: 'ring', must be 'hash'")
  for (const [key, shown] of [['url', "'url'"], [5, '5'], [null, 'null']]) {
    await refuses(t, pool({ policy: { name: 'hash', key } }),
      `pools.users.policy.key: ${String(shown)}, must be 'path', 'address', a function, { header }, { cookie } or { query }`)
  }
  await refuses(t, pool({ policy: { name: 'hash', key: {} } }), 'pools.users.policy.key: {}, must have exactly one of header, cookie, query')
  await refuses(t, pool({ policy: { name: 'hash', key: { header: 'a', cookie: 'b' } } }),
    "pools.users.policy.key: { header: 'a', cookie: 'b' }, must have exactly one of header, cookie, query")
  await refuses(t, pool({ policy: { name: 'hash', key: { header: '' } } }), "pools.users.policy.key.header: '', must not be empty")
  await refuses(t, pool({ policy: { name: 'hash', key: { query: 7 } } }), 'pools.users.policy.key.query: 7, must be a text')
  await refuses(t, pool({ policy: { name: 'hash', key: 'path', fallback: 'hash' } }), `pools.users.policy.fallback: 'hash', must be one of ${POLICIES}`)
})

t.test('counts must be integers that are not negative, and shares lie between 0 and 1', async t => {
  for (const option of ['retries', 'replayBytes']) {
    await refuses(t, pool({ [option]: -1 }), `pools.users.${option}: -1, must be >= 0`)
    for (const [value, shown] of [[0.5, '0.5'], [NaN, 'NaN'], [Infinity, 'Infinity'], ['1', "'1'"], [null, 'null'], [true, 'true']]) {
      await refuses(t, pool({ [option]: value }), `pools.users.${option}: ${String(shown)}, must be an integer`)
    }
  }
  await refuses(t, pool({ panic: 1.5 }), 'pools.users.panic: 1.5, must be <= 1')
  await refuses(t, pool({ panic: -0.1 }), 'pools.users.panic: -0.1, must be >= 0')
  await refuses(t, pool({ panic: NaN }), 'pools.users.panic: NaN, must be a finite number')
})

t.test('timeouts must be milliseconds that a timer can wait for', async t => {
  for (const option of ['connect', 'try', 'headers', 'idle', 'total', 'tunnel', 'grace']) {
    await refuses(t, pool({ timeouts: { [option]: -1 } }), `pools.users.timeouts.${option}: -1, must be >= 0`)
    await refuses(t, pool({ timeouts: { [option]: 2 ** 31 } }), `pools.users.timeouts.${option}: 2147483648, must be <= 2147483647`)
  }
  await refuses(t, pool({ timeouts: { connect: NaN } }), 'pools.users.timeouts.connect: NaN, must be a finite number')
  await refuses(t, pool({ timeouts: { headers: NaN } }), 'pools.users.timeouts.headers: NaN, must be an integer')
  await refuses(t, pool({ timeouts: { idle: 1.5 } }), 'pools.users.timeouts.idle: 1.5, must be an integer')
  await refuses(t, pool({ timeouts: 5000 }), 'pools.users.timeouts: 5000, must be an object')
})

t.test('TLS options must be PEM, and are never repeated', async t => {
  await refuses(t, pool({ tls: { rejectUnauthorized: 'no' } }), "pools.users.tls.rejectUnauthorized: 'no', must be true or false")
  await refuses(t, pool({ tls: { rejectUnauthorized: 0 } }), 'pools.users.tls.rejectUnauthorized: 0, must be true or false')
  for (const ca of ['ca.pem', 5, {}, [], ['ca.pem'], Buffer.from('ca.pem')]) {
    await refuses(t, pool({ tls: { ca } }), 'pools.users.tls.ca: must be PEM, as a text or a Buffer, or a list of them')
  }
  for (const cert of ['cert.pem', null, ['-----BEGIN CERTIFICATE-----']]) {
    await refuses(t, pool({ tls: { cert, key: 'x' } }), 'pools.users.tls.cert: must be PEM, as a text or a Buffer')
  }
  const half = '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----'
  await refuses(t, pool({ tls: { key: half } }), 'pools.users.tls.cert: missing, must be given with key')
  await refuses(t, pool({ tls: { cert: half } }), 'pools.users.tls.key: missing, must be given with cert')
  const broken = await refusal(pool({ tls: { cert: half, key: half } }))
  t.equal(broken.code, 'FST_BALANCER_BAD_OPTION')
  t.equal(broken.message, 'pools.users.tls.cert: must hold certificates in PEM, each of them whole')
  t.notMatch(broken.message, /hunter2/)
  for (const tls of [half, [half], null]) await refuses(t, pool({ tls }), 'pools.users.tls: must be an object')
  for (const servername of ['', '127.0.0.1', '::1', 'a b', '-a']) {
    await refuses(t, pool({ tls: { servername } }), `pools.users.tls.servername: '${servername}', must be a host name`)
  }
})

t.test('an observer must have a function that can be called', async t => {
  await refuses(t, pool({ observers: { settled () {} } }), 'pools.users.observers: { settled: [Function: settled] }, must be a list')
  for (const [observer, shown] of [[{}, '{}'], [5, '5'], [null, 'null'], [{ settled: 5 }, '{ settled: 5 }'], [{ setled: 1 }, '{ setled: 1 }']]) {
    await refuses(t, pool({ observers: [{ settled () {} }, observer] }),
      `pools.users.observers[1]: ${String(shown)}, must be an object with a function attempted, settled, healthChanged, ended, joined, left or discoveryChanged`)
  }
})

t.test('whatever the manual says is allowed is allowed', async t => {
  class Counting {
    readonly own = 1
    settled (): void {}
  }
  const fine = [
    { retries: 0, replayBytes: 0, panic: 0 }, { panic: 1 }, { timeouts: { connect: 0, headers: 0, idle: 0 } }, { timeouts: { connect: 0.5 } }, { tls: {} },
    { observers: [] }, { observers: [new Counting(), { healthChanged () {} }] }, { policy: () => { throw new Error('not called') } },
    { policy: 'p2c', retries: undefined, health: undefined, timeouts: undefined, tls: undefined, observers: undefined },
    ...['round-robin', 'random', 'least-requests', 'p2c', 'first'].map(policy => ({ policy })),
    ...[{ header: 'X-User' }, { cookie: 'sid' }, { query: 'id' }, 'path', 'address', () => 'x'].map(key => ({ policy: { name: 'hash', key, fallback: 'first' } }))
  ]
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const pools = Object.fromEntries(fine.map((options, i) => [`pool${i}`, { targets: [URL_A, { url: 'https://b.test/x', weight: 0 }], ...options }]))
  await app.register(balancer, { pools } as Parameters<typeof balancer>[1])
  await app.ready()
  t.equal(Object.keys(app.upstreams).length, fine.length)
})
