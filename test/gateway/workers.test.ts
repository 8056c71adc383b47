import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { upstream } from '../kit/index.js'
import { eventually } from '../workers/kit.js'
import { directory, run, start } from './kit.js'
import { ask, forwarders, status } from './workers-kit.js'

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
