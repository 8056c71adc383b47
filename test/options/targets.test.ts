import t from 'tap'
import Fastify from 'fastify'
import balancer from '../../lib/index.js'
import { pool, refusal, refuses, URL_A } from './refusal.js'

t.test('a target must be an absolute http: or https: URL', async t => {
  const wrong: Array<[unknown, string]> = [
    ['a.test:3000', "'a.test:3000'"],
    ['ftp://a.test', "'ftp://a.test'"],
    ['//a.test', "'//a.test'"],
    ['/a', "'/a'"],
    ['', "''"],
    ['http:a.test', "'http:a.test'"],
    ['http://a b', "'http://a b'"],
    ['http://a.test:99999', "'http://a.test:99999'"],
    ['unix:/run/a.sock', "'unix:/run/a.sock'"]
  ]
  for (const [target, shown] of wrong) {
    await refuses(t, pool({ targets: [URL_A, target] }), `pools.users.targets[1]: ${shown}, must be an absolute http: or https: URL`)
    await refuses(t, { targets: [URL_A, { url: target }] }, `targets[1]: ${shown}, must be an absolute http: or https: URL`)
  }
  await refuses(t, { upstream: 'a.test' }, "upstream: 'a.test', must be an absolute http: or https: URL")
})

t.test('a target must be a text or an object with a url', async t => {
  for (const [target, shown] of [[null, 'null'], [5, '5'], [{}, '{}'], [[URL_A], `[ '${URL_A}' ]`], [{ uri: URL_A }, `{ uri: '${URL_A}' }`]]) {
    await refuses(t, pool({ targets: [target] }), `pools.users.targets[0]: ${String(shown)}, must be a URL or { url, weight, priority, zone, host }`)
  }
  const sparse: string[] = []
  sparse[1] = URL_A
  await refuses(t, pool({ targets: sparse }), 'pools.users.targets[0]: undefined, must be a URL or { url, weight, priority, zone, host }')
  await refuses(t, pool({ targets: [{ url: URL_A, wieght: 2 }] }), 'pools.users.targets[0].wieght: unknown option, allowed are url, weight, priority, zone, host')
})

t.test('a target must not have a query or a fragment', async t => {
  await refuses(t, pool({ targets: [`${URL_A}/?x=1`] }), `pools.users.targets[0]: '${URL_A}/?x=1', must not have a query or a fragment`)
  await refuses(t, pool({ targets: [`${URL_A}/#x`] }), `pools.users.targets[0]: '${URL_A}/#x', must not have a query or a fragment`)
})

t.test('credentials in a target are refused and never repeated, whatever else is wrong with it', async t => {
  await refuses(t, pool({ targets: ['http://user:hunter2@a.test'] }),
    "pools.users.targets[0]: 'http://***@a.test', must not have credentials; send them as a header")
  await refuses(t, pool({ targets: ['http://token@a.test'] }),
    "pools.users.targets[0]: 'http://***@a.test', must not have credentials; send them as a header")
  for (const target of [
    'ftp://user:hunter2@a.test', 'user:hunter2@a.test', '//user:hunter2@a.test', 'http://user:hunter2@a.test:99999', 'http://user:hunter2/@a.test',
    'http://user:hun@hunter2@a.test', "http://user:it's hunter2@a.test:x", 'http://user:hunter2@a.test?x', { uri: 'http://user:hunter2@a.test' }
  ]) {
    for (const options of [pool({ targets: [target] }), pool({ targets: target }), { targets: [target] }, { upstream: target }, { pools: { users: target } }]) {
      const { code, message } = await refusal(options)
      t.equal(code, 'FST_BALANCER_BAD_OPTION')
      t.notMatch(message, /hunter2/)
    }
  }
})

t.test('a target that is listed twice is refused in whatever spelling', async t => {
  const first = 'http://a.test/base'
  for (const second of [
    'http://a.test/base', 'http://a.test/base/', 'http://a.test:80/base', 'HTTP://A.TEST/base', 'http://a.test/x/../base', { url: 'http://a.test/base', weight: 5 }
  ]) {
    await refuses(t, pool({ targets: [first, 'http://b.test', second] }),
      `pools.users.targets[2]: '${first}' is listed already, as pools.users.targets[0]`)
  }
  await refuses(t, { targets: ['https://a.test', 'https://a.test:443/'] }, "targets[1]: 'https://a.test' is listed already, as targets[0]")
})

t.test('targets that differ in scheme, host, port or base path are different', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const targets = ['http://a.test', 'https://a.test', 'http://b.test', 'http://a.test:8080', 'http://a.test/base', 'http://a.test/Base', 'http://[::1]:3000']
  await app.register(balancer, { name: 'all', targets })
  t.same(app.upstreams['all']?.targets.map(({ url }) => url), targets)
})

t.test('there must be a list of targets with something in it', async t => {
  await refuses(t, pool({ targets: [] }), 'pools.users.targets: [], must not be empty')
  await refuses(t, pool({ targets: URL_A }), `pools.users.targets: '${URL_A}', must be a list`)
  await refuses(t, pool({ targets: { a: URL_A } }), `pools.users.targets: { a: '${URL_A}' }, must be a list`)
  await refuses(t, pool({ targets: undefined }), 'pools.users.targets: missing, must be given unless there is discovery')
})

t.test('a weight must be a finite number that is not negative, and one must be positive', async t => {
  await refuses(t, pool({ targets: [URL_A, { url: 'http://b.test', weight: -1 }] }), 'pools.users.targets[1].weight: -1, must be >= 0')
  for (const [weight, shown] of [[NaN, 'NaN'], [Infinity, 'Infinity'], ['1', "'1'"], [null, 'null'], [1n, '1n']]) {
    await refuses(t, pool({ targets: [{ url: URL_A, weight }] }), `pools.users.targets[0].weight: ${String(shown)}, must be a number`)
  }
  const drained = [{ url: URL_A, weight: 0 }, { url: 'http://b.test', weight: 0 }]
  await refuses(t, pool({ targets: drained }), 'pools.users.targets: every weight is 0, must be > 0 for at least one')
})
