import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { Resolver } from 'node:dns/promises'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { dns } from '../../lib/discovery/dns.js'
import type { PoolOptions } from '../../lib/index.js'
import { gateway, until, type Gateway } from '../kit/index.js'

/** Seconds that dnsmasq gives its records. */
const TTL = 1

/** Milliseconds after which a change has to show in the pool. */
const PROMISED = TTL * 1000 + 1000

if (spawnSync('dnsmasq', ['--version']).status !== 0) throw new Error('dnsmasq is missing: apt-get install dnsmasq-base')

/** A port that was free a moment ago, for UDP and TCP alike. */
async function freePort (): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface NameServer {
  readonly address: string
  /** Has the next question answered by a dnsmasq that knows these records, as its options would say them, and nothing else. */
  readonly serve: (...records: readonly string[]) => Promise<void>
  /** Whether questions are answered at all. */
  alive: boolean
}

/**
 * dnsmasq reads SRV records when it starts only. So there is one process for each set of records, and one address in front of them
 * all that leads to the latest: a change is one moment and not a second without a name server.
 */
async function nameServer (t: Test): Promise<NameServer> {
  let current: { readonly child: ChildProcess, readonly port: number } | undefined
  const front = createSocket('udp4')
  front.bind(0, '127.0.0.1')
  await once(front, 'listening')
  front.on('message', (question, { port, address }: RemoteInfo) => {
    if (!made.alive || current === undefined) return
    const back = createSocket('udp4')
    back.on('message', answer => {
      front.send(answer, port, address)
      back.close()
    })
    back.on('error', () => { back.close() })
    back.send(question, current.port, '127.0.0.1')
  })
  const end = async (child: ChildProcess | undefined): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  t.teardown(async () => {
    front.close()
    await end(current?.child)
  })
  const serve = async (...records: readonly string[]): Promise<void> => {
    const port = await freePort()
    const child = spawn('dnsmasq', [
      '--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--pid-file=', '--bind-interfaces', '--listen-address=127.0.0.1',
      `--port=${port}`, '--local=/test/', `--local-ttl=${TTL}`, '--host-record=ready.test,127.0.0.1', ...records.map(record => `--${record}`)
    ], { stdio: 'ignore' })
    const resolver = new Resolver({ timeout: 200, tries: 1 })
    resolver.setServers([`127.0.0.1:${port}`])
    let ready = false
    while (!ready) {
      if (child.exitCode !== null) throw new Error(`dnsmasq ended with ${child.exitCode}`)
      ready = await resolver.resolve4('ready.test').then(() => true, () => false)
    }
    const before = current
    current = { child, port }
    await end(before?.child)
  }
  const made: NameServer = { address: `127.0.0.1:${front.address().port}`, serve, alive: true }
  return made
}

interface Server200 { readonly server: Server, readonly port: number, readonly inFlight: () => number }

/** Answers after a moment, so that there is always something in flight. */
async function answering (t: Test, address: string, port = 0): Promise<Server200> {
  let inFlight = 0
  const server = createServer((request, response) => {
    inFlight++
    response.on('close', () => { inFlight-- })
    request.resume()
    setTimeout(() => { response.end(address) }, 20)
  }).listen(port, address)
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return { server, port: (server.address() as AddressInfo).port, inFlight: () => inFlight }
}

interface Load { readonly counts: { asked: number, well: number }, readonly failures: string[], readonly stop: () => Promise<void> }

/** 200 requests per second. */
function load ({ request }: Gateway): Load {
  const counts = { asked: 0, well: 0 }
  const failures: string[] = []
  const open = new Set<Promise<void>>()
  const one = async (): Promise<void> => {
    try {
      const { statusCode, body } = await request('/')
      const text = await body.text()
      if (statusCode === 200) counts.well++
      else failures.push(`${statusCode} ${text}`)
    } catch (error) {
      failures.push(String(error))
    }
  }
  const began = performance.now()
  const timer = setInterval(() => {
    // A timer that is late makes up for it.
    for (; counts.asked < (performance.now() - began) / 5; counts.asked++) {
      const asked = one().finally(() => { open.delete(asked) })
      open.add(asked)
    }
  }, 5)
  return {
    counts,
    failures,
    stop: async () => {
      clearInterval(timer)
      await Promise.all(open)
    }
  }
}

/** A gateway that fails a request as soon as one attempt fails: a retry would hide it. */
async function discovering (t: Test, discovery: PoolOptions['discovery']): Promise<Gateway & { readonly addresses: () => string, readonly shows: (expected: string) => Promise<void> }> {
  const made = await gateway(t, { name: 'api', discovery, retries: 0, health: { path: '/healthz', interval: 500 }, limits: { queue: 0 }, timeouts: { connect: 10_000 } }, { logger: false })
  const pool = made.app.upstreams['api']
  const addresses = (): string => (pool?.targets ?? []).map(({ url, priority, weight, health }) => [new URL(url).host, priority, weight, health].join()).sort().join(' ')
  const shows = async (expected: string): Promise<void> => {
    const began = performance.now()
    await until(() => addresses().replaceAll(/,\w+(?= |$)/g, '') === expected, 20_000).catch(() => { t.fail(`${addresses()} is not ${expected}`) })
    const ms = Math.round(performance.now() - began)
    t.ok(ms <= PROMISED, `${expected} shows after ${ms} ms`)
    // Those that have joined are probed before anything else is changed.
    await until(() => !addresses().includes('down'), 20_000)
  }
  return { ...made, addresses, shows }
}

t.test('A records that are added, removed and replaced show within TTL + 1 s at 200 requests/s without one that fails', { timeout: 120_000 }, async t => {
  const first = await answering(t, '127.0.0.2')
  const { port } = first
  const servers = [first, await answering(t, '127.0.0.3', port), await answering(t, '127.0.0.4', port), await answering(t, '127.0.0.5', port)]
  const names = await nameServer(t)
  const records = (...last: readonly number[]): string[] => last.map(i => `host-record=api.test,127.0.0.${i}`)
  const expected = (...last: readonly number[]): string => last.map(i => `127.0.0.${i}:${port},0,1`).join(' ')
  await names.serve(...records(2, 3))
  const made = await discovering(t, dns({ name: 'api.test', port, servers: [names.address] }))
  const { app, shows } = made
  const pool = app.upstreams['api']
  t.match(pool?.targets, [{ host: `api.test:${port}`, health: 'up' }, { health: 'up' }], 'they are there when the app is ready')
  const { counts, failures, stop } = load(made)

  for (const round of [[2, 3, 4], [3, 4], [2, 5], [2, 3, 4, 5], [2], [3, 4, 5], [2, 3]]) {
    await names.serve(...records(...round))
    await shows(expected(...round))
    // What has left finishes what it has begun, and may be gone then.
    for (const [i, server] of servers.entries()) if (!round.includes(i + 2)) await until(() => server.inFlight() === 0, 20_000)
  }
  const kept = pool?.targets.find(({ url }) => url.includes('127.0.0.3'))?.counters.attempts ?? 0
  await names.serve(...records(3, 4))
  await shows(expected(3, 4))
  t.ok((pool?.targets.find(({ url }) => url.includes('127.0.0.3'))?.counters.attempts ?? 0) >= kept, 'the one that stays keeps its counters')

  await names.serve()
  await until(() => pool?.discovery?.failure !== undefined, 20_000)
  t.equal(pool?.discovery?.failure, 'api.test has no A records', 'NXDOMAIN')
  t.equal(pool?.targets.length, 2, 'keeps the last list')
  names.alive = false
  await until(() => pool?.discovery?.failure?.includes('no') === true && !pool.discovery.failure.includes('records'), 60_000)
  t.match(pool?.discovery?.failure, /no name server answered in time|no answer within 2000 ms/, 'a dead name server')
  t.equal(pool?.targets.length, 2, 'keeps the last list')
  names.alive = true
  await names.serve(...records(2, 4))
  await until(() => pool?.discovery?.failure === undefined && pool?.targets.some(({ url }) => url.includes('127.0.0.2')) === true, 60_000)

  await stop()
  t.same(failures, [])
  t.equal(counts.well, counts.asked)
  t.ok(counts.asked > 1000, `${counts.asked} requests`)
})

t.test('SRV records that are added, removed, replaced and weighed anew show within TTL + 1 s at 200 requests/s without one that fails', { timeout: 120_000 }, async t => {
  const servers = [await answering(t, '127.0.0.1'), await answering(t, '127.0.0.1'), await answering(t, '127.0.0.1'), await answering(t, '127.0.0.2')]
  const names = await nameServer(t)
  const hosts = ['n0', 'n1', 'n2'].map(name => `host-record=${name}.test,127.0.0.1`).concat('host-record=n3.test,127.0.0.2')
  type Entry = readonly [server: number, priority: number, weight: number]
  const serve = async (...entries: readonly Entry[]): Promise<void> => {
    await names.serve(...hosts, ...entries.map(([i, priority, weight]) => `srv-host=_http._tcp.api.test,n${i}.test,${servers[i]?.port ?? 0},${priority},${weight}`))
  }
  const expected = (...entries: readonly Entry[]): string => entries
    .map(([i, priority, weight]) => `127.0.0.${i === 3 ? 2 : 1}:${servers[i]?.port ?? 0},${priority},${weight}`).sort().join(' ')
  await serve([0, 10, 1], [1, 10, 2])
  const made = await discovering(t, dns({ name: '_http._tcp.api.test', type: 'SRV', servers: [names.address] }))
  const { app, shows } = made
  const pool = app.upstreams['api']
  t.match(pool?.targets, [{ host: /^api\.test:\d+$/, health: 'up' }, { health: 'up' }])
  const { counts, failures, stop } = load(made)

  for (const round of [
    [[0, 10, 1], [1, 10, 2], [2, 10, 3]], [[1, 10, 2], [2, 10, 3]], [[0, 10, 5], [3, 10, 5]], [[0, 10, 5], [3, 20, 7]], [[0, 20, 5], [3, 10, 7], [1, 10, 1]], [[2, 0, 1]]
  ] satisfies Entry[][]) {
    await serve(...round)
    await shows(expected(...round))
    const left = servers.filter((_server, i) => !round.some(([server]) => server === i))
    for (const server of left) await until(() => server.inFlight() === 0, 20_000)
  }
  await names.serve(...hosts)
  await until(() => pool?.discovery?.failure === '_http._tcp.api.test has no SRV records', 20_000)
  t.equal(pool?.targets.length, 1, 'NXDOMAIN keeps the last list')
  await names.serve('srv-host=_http._tcp.api.test,gone.test,80,0,1')
  await until(() => pool?.discovery?.failure?.startsWith('gone.test, to which') === true, 20_000)
  t.equal(pool?.targets.length, 1, 'a name without addresses, too')
  await serve([0, 0, 1], [1, 0, 1])
  await until(() => pool?.targets.length === 2, 60_000)

  await stop()
  t.same(failures, [])
  t.equal(counts.well, counts.asked)
  t.ok(counts.asked > 1000, `${counts.asked} requests`)
})
