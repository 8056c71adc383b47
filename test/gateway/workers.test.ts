import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { nameServer, v4 } from '../discovery/name-server.js'
import { named, upstream } from '../kit/index.js'
import { Clients, eventually } from '../workers/kit.js'
import { directory, replace, run, start, type Line, type Started } from './kit.js'

/** Milliseconds in which another worker must serve, on a machine that is as busy as it likes. */
const SOON = 10_000

interface Worker { readonly id: number, readonly pid: number, readonly state: string, readonly restarts: number }
interface Status { readonly reloads: number, readonly workers: readonly Worker[], readonly pools: Record<string, { readonly targets: ReadonlyArray<{ readonly url: string, readonly health?: string, readonly counters: { readonly answered: number } }> }> }

async function status (gateway: Started): Promise<Status> {
  return await (await fetch(`${gateway.admin}/status`)).json() as Status
}

/** The workers that have forwarded something to a target, or to any. */
function forwarders (lines: readonly Line[], url?: string): Set<unknown> {
  return new Set(lines.filter(({ msg, target }) => msg === 'request forwarded' && (url === undefined || target === url)).map(({ worker }) => worker))
}

/** Requests on connections of their own until it holds. */
async function ask (gateway: Started, path: string, until: () => boolean): Promise<void> {
  await eventually(async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, async () => await fetch(gateway.address + path, { headers: { connection: 'close' } })))
    await Promise.all(answers.map(async answer => await answer.text()))
    return until()
  })
}

t.test('two workers serve, say who they are, and have one prober', async t => {
  const probers = new Set<Socket>()
  let probes = 0
  const { url } = await upstream(t, ({ url, socket }, response) => {
    if (url === '/healthz') {
      probes++
      probers.add(socket)
    }
    response.end()
  })
  const interval = 50
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0, require: all }
    workers: 2
    pools: { users: { targets: ["${url}"], health: { path: /healthz, interval: ${interval}, jitter: 0, timeout: 10000 } } }
    routes: [{ prefix: /users, pool: users }]
  `)
  t.match(gateway.lines.find(({ msg }) => msg === 'gateway started'), { workers: 2, pid: gateway.child.pid })
  await ask(gateway, '/users', () => forwarders(gateway.lines).size === 2)
  t.same([...forwarders(gateway.lines)].sort(), [1, 2], 'lines of workers have their number')

  const [from, before] = [performance.now(), probes]
  await eventually(async () => probes > before + 10)
  t.ok(probes - before <= (performance.now() - from) / interval + 2, 'as many probes as one prober sends')
  t.equal(probers.size, 1, 'on one connection')

  const ready = await fetch(`${gateway.admin}/ready`)
  t.equal(ready.status, 200)
  t.match(await ready.json(), { ready: true, pools: { users: { up: 1, of: 1 } }, workers: { ready: true, serving: 2, of: 2 } })
  const told = await status(gateway)
  t.match(told.workers, [{ id: 1, state: 'ready', restarts: 0 }, { id: 2, state: 'ready', restarts: 0 }])
  const answered = gateway.lines.filter(({ msg }) => msg === 'request forwarded').length
  t.match(told.pools['users']?.targets, [{ url, health: 'up', counters: { answered } }], 'counters are those of all workers')
  t.equal(await gateway.stop(), 0)
})

t.test('a reload goes through both workers under load, and costs no request; a broken one is refused with line and path', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const document = (i: number, pool = 'users'): string => `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0 }
    log: { requests: false }
    pools: { users: { targets: ["${a.url}", "${b.url}"], timeouts: { headers: ${20_000 + i} } } }
    routes:
      - { prefix: /users, pool: users }
      - { prefix: "/extra-${i}", pool: ${pool} }
  `
  const gateway = await start(t, document(0), { args: ['--no-watch', '--workers', '2'] })
  const clients = new Clients(t, gateway.address, { keeping: 6, opening: 4 })
  for (let i = 1; i <= 6; i++) {
    await replace(gateway.file, document(i, i % 3 === 0 ? 'nobody' : 'users'))
    gateway.child.kill('SIGHUP')
    const line = await gateway.line(/^the configuration was (?:read anew|rejected)/)
    if (i % 3 === 0) t.match(line, { line: 8, column: 40, path: 'routes[1].pool', reason: "'nobody' is not a pool, must be one of users" })
    else t.match(line, { msg: 'the configuration was read anew' })
  }
  const answers = await clients.stop()
  t.same(answers.filter(({ status }) => status !== 200), [], `${answers.length} requests`)
  t.ok(answers.length > 20)
  // Each answer may be of either worker.
  for (const [path, status] of [['/extra-5', 200], ['/extra-6', 404], ['/extra-4', 404]] as const) {
    const statuses = await Promise.all(Array.from({ length: 16 }, async () => (await fetch(gateway.address + path, { headers: { connection: 'close' } })).status))
    t.same(new Set(statuses), new Set([status]), path)
  }
  t.match(await status(gateway), { reloads: 4, workers: [{ state: 'ready', restarts: 0 }, { state: 'ready', restarts: 0 }] })
  t.equal(await gateway.stop(), 0)
})

t.test('what only a worker finds out is refused too, and then all is as before', async t => {
  const { url } = await named(t, 'a')
  const document = (host: string): string => `
    listen: { host: ${host}, port: 0 }
    admin: { port: 0 }
    pools: { users: { targets: ["${url}"] } }
    routes: [{ prefix: /users, pool: users }]
  `
  const gateway = await start(t, document('127.0.0.1'), { args: ['--no-watch', '--workers', '2'] })
  // An address of nobody here (RFC 5737).
  await replace(gateway.file, document('192.0.2.1'))
  gateway.child.kill('SIGHUP')
  t.match(await gateway.line(/rejected/), { line: 2, path: 'listen', reason: /EADDRNOTAVAIL/ })
  t.equal((await fetch(`${gateway.address}/users`)).status, 200)
  t.match(await status(gateway), { reloads: 0, workers: [{ state: 'ready' }, { state: 'ready' }] })
  t.equal(await gateway.stop(), 0)
})

t.test('kill -9 of a worker under load fails only what it had in flight, and a new one serves soon', async t => {
  const { url } = await named(t, 'a')
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0 }
    workers: 2
    pools: { users: { targets: ["${url}"] } }
    routes: [{ prefix: /users, pool: users }]
  `)
  const [keeping, opening] = [8, 4]
  const clients = new Clients(t, gateway.address, { keeping, opening })
  await eventually(async () => forwarders(gateway.lines).size === 2)
  // The next one has loaded its program by then, as it has on a gateway that has been running for a while.
  await new Promise(resolve => { setTimeout(resolve, 3000) })
  const { workers: [victim] } = await status(gateway) as unknown as { workers: [Worker] }
  const seen = gateway.lines.length
  const killedAt = performance.now()
  process.kill(victim.pid, 'SIGKILL')
  await gateway.line(/^worker has ended/)
  await gateway.line(/^worker is ready$/)
  const served = performance.now() - killedAt
  await eventually(async () => gateway.lines.slice(seen).some(({ msg, pid, worker }) => msg === 'request forwarded' && worker === 1 && pid !== victim.pid))
  const answers = await clients.stop()

  const failed = answers.filter(({ status }) => status !== 200)
  t.ok(failed.length <= keeping + opening, 'each client had one request in flight at the most')
  t.same(failed.filter(({ began }) => began > killedAt + 1000).map(({ error }) => error?.message), [], 'what was begun later goes well')
  t.ok(served < SOON, `the next worker served after ${Math.round(served)} ms`)
  t.comment(`${answers.length} answers, ${failed.length} failed; the next worker was ready after ${Math.round(served)} ms`)
  t.match((await status(gateway)).workers, [{ id: 1, restarts: 1, state: 'ready' }, { id: 2, restarts: 0 }])
  t.equal(await gateway.stop(), 0)
})

t.test('what one process discovers, from a file and from DNS, reaches both workers', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { address, replies, asked } = await nameServer(t)
  replies.set('A api.test', [v4('127.0.0.1', 1)])
  const list = join(await directory(t), 'targets.yaml')
  await writeFile(list, `- ${a.url}\n`)
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0 }
    workers: 2
    pools:
      listed: { discovery: { type: file, path: "${list}", interval: 50 } }
      named: { discovery: { type: dns, name: api.test, port: ${a.port}, servers: ["${address}"], minTtl: 500, maxTtl: 500 } }
    routes: [{ prefix: /listed, pool: listed }, { prefix: /named, pool: named }]
  `)
  t.equal((await fetch(`${gateway.address}/listed`)).status, 200, 'the first lists were waited for')
  t.equal((await fetch(`${gateway.address}/named`)).status, 200)
  await ask(gateway, '/listed', () => forwarders(gateway.lines, a.url).size === 2)

  await replace(list, `- ${b.url}\n`)
  await ask(gateway, '/listed', () => forwarders(gateway.lines, b.url).size === 2)
  t.pass('both have the new list')

  const [from, before] = [performance.now(), asked.length]
  await eventually(async () => asked.length >= before + 4)
  t.ok(asked.length - before <= (performance.now() - from) / 500 + 2, 'as many questions as one process asks')
  t.equal(await gateway.stop(), 0)
})

t.test('SIGTERM has both workers answer what is under way, and ends with 0', async t => {
  const { url, server } = await upstream(t, (_request, response) => { setTimeout(() => { response.end('late') }, 500) })
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0 }
    workers: 2
    shutdown: { linger: 50 }
    pools: { users: { targets: ["${url}"] } }
    routes: [{ prefix: /users, pool: users }]
  `)
  const asked = once(server, 'request')
  const underWay = Promise.all([1, 2, 3, 4].map(async () => await (await fetch(`${gateway.address}/users`)).text()))
  await asked
  await new Promise(resolve => { setTimeout(resolve, 100) })
  const stopped = gateway.stop()
  t.same(await underWay, Array(4).fill('late'))
  t.equal(await stopped, 0)
})

t.test('a port that is taken is said once, before there are workers', async t => {
  const { port } = await upstream(t, () => {})
  const file = join(await directory(t), 'gateway.yaml')
  await writeFile(file, `listen: { host: 127.0.0.1, port: ${port} }\nworkers: auto\npools: { a: { targets: ["http://127.0.0.1:1"] } }\nroutes: [{ pool: a }]\n`)
  const { code, stderr, stdout } = await run(['start', file, '--workers', '2'])
  t.equal(code, 1)
  t.equal(stderr, `${file}:1:1: listen: 127.0.0.1:${port}: EADDRINUSE, somebody else listens there, must be free\n`)
  t.notMatch(stdout, /worker/)
})
