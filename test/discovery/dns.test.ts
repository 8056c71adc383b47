import t, { type Test } from 'tap'
import { dns, type DnsOptions } from '../../lib/discovery/dns.js'
import type { DiscoveredTarget } from '../../lib/discovery.js'
import { poolOf, type TestPool } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { until } from '../kit/index.js'
import { nameServer, srv, v4, v6, type NameServer, type Reply } from './name-server.js'

interface Asking extends TestPool {
  readonly names: NameServer
  /** Lets so much time pass, and then a moment in which a question could be seen. */
  readonly pass: (ms: number) => Promise<void>
}

/** A pool on a clock that stands still, whose name server has been asked once. */
async function asking (t: Test, options: Omit<DnsOptions, 'servers'>, replies: Readonly<Record<string, Reply>>): Promise<Asking> {
  const names = await nameServer(t)
  for (const [key, reply] of Object.entries(replies)) names.replies.set(key, reply)
  const clock = new VirtualClock()
  const made = poolOf(t, { discovery: dns({ ...options, servers: [names.address] }, clock), discoveryTimeout: 0 }, clock)
  await made.pool.start()
  await until(() => made.pool.discovery?.listedAt !== undefined, 30_000)
  const pass = async (ms: number): Promise<void> => {
    await clock.advance(ms)
    await new Promise(resolve => { setTimeout(resolve, 20) })
  }
  return { ...made, names, pass }
}

/** The first list of a source. */
async function first (t: Test, options: Omit<DnsOptions, 'servers'>, replies: Readonly<Record<string, Reply>>): Promise<readonly DiscoveredTarget[]> {
  const names = await nameServer(t)
  for (const [key, reply] of Object.entries(replies)) names.replies.set(key, reply)
  const controller = new AbortController()
  const lists = dns({ timeout: 1000, ...options, servers: [names.address] })(controller.signal)[Symbol.asyncIterator]()
  const { value } = await lists.next()
  controller.abort()
  return value as DiscoveredTarget[]
}

const API = { 'A api.test': [v4('10.0.0.2'), v4('10.0.0.1')], 'AAAA api.test': [v6('2001:0db8:0000:0000:0000:0000:0000:0001')] }

t.test('addresses are targets that are asked for by the name, in one order', async t => {
  t.same(await first(t, { name: 'api.test' }, API), [{ url: 'http://10.0.0.1', host: 'api.test' }, { url: 'http://10.0.0.2', host: 'api.test' }])
  t.same(await first(t, { name: 'api.test', type: 'AAAA' }, API), [{ url: 'http://[2001:db8::1]', host: 'api.test' }])
  t.same((await first(t, { name: 'API.test.', type: 'any', protocol: 'https', port: 8443, path: '/v2' }, API)), [
    { url: 'https://10.0.0.1:8443/v2', host: 'API.test:8443' }, { url: 'https://10.0.0.2:8443/v2', host: 'API.test:8443' },
    { url: 'https://[2001:db8::1]:8443/v2', host: 'API.test:8443' }
  ])
  t.same((await first(t, { name: 'api.test', host: 'other.test:81' }, API)).map(({ host }) => host), ['other.test:81', 'other.test:81'])
})

t.test('with any, a name that has addresses of one kind only is fine', async t => {
  for (const none of ['NXDOMAIN', []] as const) {
    t.equal((await first(t, { name: 'api.test', type: 'any' }, { ...API, 'AAAA api.test': none })).length, 2)
    t.equal((await first(t, { name: 'api.test', type: 'any' }, { ...API, 'A api.test': none })).length, 1)
  }
})

t.test('what is no answer, or an empty one, is a failure that says why', async t => {
  for (const [type, replies, message] of [
    ['A', {}, /^api\.test has no A records$/],
    ['A', { 'A api.test': [] }, /^api\.test has no A records$/],
    ['any', {}, /^api\.test has no A or AAAA records$/],
    ['A', { 'A api.test': 'SERVFAIL' }, /^api\.test, A: the name server failed \(SERVFAIL\)$/],
    ['A', { 'A api.test': 'REFUSED' }, /^api\.test, A: the name server refused \(REFUSED\)$/],
    ['any', { ...API, 'AAAA api.test': 'SERVFAIL' }, /^api\.test, AAAA: the name server failed/],
    ['A', { 'A api.test': 'silence' }, /^api\.test.*: no (?:name server answered in time|answer within 1000 ms)$/],
    ['SRV', {}, /^api\.test has no SRV records$/],
    ['SRV', { 'SRV api.test': [srv(0, 0, 0, '.')] }, /^api\.test has no SRV records$/],
    ['SRV', { 'SRV api.test': [srv(0, 1, 80, 'gone.test')] }, /^gone\.test, to which the SRV records of api\.test lead, have no addresses$/],
    ['SRV', { 'SRV api.test': [srv(0, 1, 80, 'n1.test'), srv(0, 1, 80, 'n2.test')], 'A n1.test': [v4('10.0.0.1')], 'A n2.test': 'SERVFAIL' }, /^n2\.test, A: the name server failed/]
  ] as const) await t.rejects(first(t, { name: 'api.test', type }, replies as Record<string, Reply>), { message })
})

t.test('SRV records are tiers and weights of addresses, asked for by the name of the service', async t => {
  const list = await first(t, { name: '_http._tcp.api.test', type: 'SRV', protocol: 'https' }, {
    'SRV _http._tcp.api.test': [srv(10, 3, 8001, 'n1.test'), srv(10, 0, 443, 'n2.test'), srv(20, 4, 8003, 'n3.test'), srv(10, 1, 80, 'gone.test')],
    'A n1.test': [v4('10.0.0.1')],
    'AAAA n2.test': [v6('2001:0db8:0000:0000:0000:0000:0000:0002')],
    'A n3.test': [v4('10.0.0.3'), v4('10.0.0.4')]
  })
  t.same(list.map(target => ({ ...target })).sort((a, b) => a.url < b.url ? -1 : 1), [
    { url: 'https://10.0.0.1:8001', host: 'api.test:8001', priority: 10, weight: 3 },
    { url: 'https://10.0.0.3:8003', host: 'api.test:8003', priority: 20, weight: 2 },
    { url: 'https://10.0.0.4:8003', host: 'api.test:8003', priority: 20, weight: 2 },
    { url: 'https://[2001:db8::2]:443', host: 'api.test:443', priority: 10, weight: 1 }
  ])
})

t.test('the shortest time to live decides when to ask again, within bounds, and never later than half a second after', async t => {
  for (const [options, ttls, kept] of [
    [{}, [30, 7], 7000],
    [{}, [0], 1000],
    [{}, [86_400], 60_000],
    [{ minTtl: 5000 }, [2], 5000],
    [{ maxTtl: 2000 }, [300], 2000]
  ] as const) {
    const { names, pass } = await asking(t, { name: 'api.test', ...options }, { 'A api.test': ttls.map((ttl, i) => v4(`10.0.0.${i + 1}`, ttl)) })
    await pass(kept - 1)
    t.equal(names.asked.length, 1, `${kept} ms are not over`)
    await pass(Math.min(500, kept / 10) + 1)
    await until(() => names.asked.length === 2, 30_000)
    t.pass(`${kept} ms are over`)
  }
})

t.test('SRV records are asked for again after refresh at the most', async t => {
  const { names, pass } = await asking(t, { name: 'api.test', type: 'SRV', refresh: 3000 }, { 'SRV api.test': [srv(0, 1, 80, 'n.test', 3600)], 'A n.test': [v4('10.0.0.1', 3600)] })
  const asked = (): number => names.asked.filter(key => key === 'SRV api.test').length
  await pass(2699)
  t.equal(asked(), 1)
  await pass(301)
  await until(() => asked() === 2, 30_000)
})

t.test('a failure keeps the last list, and the next answer replaces it', async t => {
  const names = await nameServer(t)
  names.replies.set('A api.test', [v4('10.0.0.1', 0)])
  const { pool, log } = poolOf(t, { discovery: dns({ name: 'api.test', minTtl: 10, servers: [names.address] }) })
  await pool.start()
  const urls = (): string[] => pool.targets.map(({ url }) => url)
  t.same(urls(), ['http://10.0.0.1'])
  for (const [reply, reason] of [['SERVFAIL', 'api.test, A: the name server failed (SERVFAIL)'], ['NXDOMAIN', 'api.test has no A records']] as const) {
    names.replies.set('A api.test', reply)
    await until(() => pool.discovery?.failure === reason, 30_000)
    t.same(urls(), ['http://10.0.0.1'], reply)
  }
  names.replies.set('A api.test', [v4('10.0.0.2', 0)])
  await until(() => pool.discovery?.failure === undefined, 30_000)
  t.same(urls(), ['http://10.0.0.2'])
  t.same(log.map(({ message }) => message).filter(message => message.startsWith('discovery')), [
    'discovery failed: the last list stays in use', 'discovery failed: the last list stays in use', 'discovery works again'
  ])
})

t.test('a pool that ends while its name server is silent waits for nothing', async t => {
  const names = await nameServer(t)
  names.replies.set('A api.test', 'silence')
  const { pool } = poolOf(t, { discovery: dns({ name: 'api.test', servers: [names.address], timeout: 60_000 }) })
  const started = pool.start()
  await until(() => names.asked.length > 0)
  await pool.close()
  await started
  t.equal(pool.discovery?.failure, undefined)
})

t.test('bad options are refused at once', async t => {
  for (const [options, message] of [
    [undefined, 'dns: missing, must be given'],
    [{}, 'dns.name: missing, must be given'],
    ...['', 'a b', '10.0.0.1', '10.1', 'a..b', '-a', 'a/b', 'a:80', 5].map(name => [{ name }, /^dns\.name: .+, must be the whole name of a host or a service, in ASCII$/] as const),
    [{ type: 'CNAME' }, "dns.type: 'CNAME', must be one of 'A', 'AAAA', 'any', 'SRV'"],
    [{ protocol: 'ws' }, "dns.protocol: 'ws', must be one of 'http', 'https'"],
    [{ port: 0 }, 'dns.port: 0, must be >= 1'],
    [{ path: 'v2' }, "dns.path: 'v2', must be a path that begins with '/', in ASCII and without '?' and '#'"],
    [{ path: '/?x' }, /^dns\.path: /],
    ...['', '10.0.0.1', 'a:0', 'a:65536', '[::1]', 'a:b'].map(host => [{ host }, /^dns\.host: .+, must be a host name, with a port if it is not the default$/] as const),
    [{ servers: [] }, 'dns.servers: [], must not be empty'],
    ...['localhost', '10.0.0', '10.0.0.1:x', '[10.0.0.1]:53', '', 5].map(server => [{ servers: ['127.0.0.1', server] }, /^dns\.servers\[1\]: .+, must be an address, with a port if it is not 53/] as const),
    [{ minTtl: -1 }, 'dns.minTtl: -1, must be >= 0'],
    [{ maxTtl: 0 }, 'dns.maxTtl: 0, must be > 0'],
    [{ minTtl: 5000, maxTtl: 4000 }, 'dns.minTtl: 5000, must be <= maxTtl, which is 4000'],
    [{ timeout: 0 }, 'dns.timeout: 0, must be > 0'],
    [{ refresh: 5 }, 'dns.refresh: only for SRV records, must be left out'],
    [{ type: 'SRV', port: 80 }, 'dns.port: SRV records have their own, must be left out'],
    [{ type: 'SRV', refresh: 0 }, 'dns.refresh: 0, must be > 0'],
    [{ ttl: 5 }, /^dns\.ttl: unknown option, allowed are name, type, /]
  ] as const) {
    const given = options === undefined || Object.keys(options).length === 0 ? options : { name: 'api.test', ...options }
    t.throws(() => dns(given as DnsOptions), { code: 'FST_BALANCER_BAD_OPTION', message }, JSON.stringify(options))
  }
  for (const servers of [['10.0.0.53'], ['10.0.0.53:5353', '::1', '[::1]', '[2001:db8::53]:53']]) t.type(dns({ name: 'a_b.test.', servers }), 'function')
})
