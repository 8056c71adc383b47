/** Reloads a gateway of its own over and over, and says what is left of it. Run with --expose-gc by `reload-memory.test.ts`. */
import Fastify from 'fastify'
import { gateway } from '../../lib/gateway/index.js'

const ROUNDS = 50
const upstream = Fastify().get('/*', async () => 'ok')
const url = await upstream.listen({ host: '127.0.0.1', port: 0 })

/** Everything changes: another generation of routes, other policies, timeouts, breakers, probes, a pool that comes and one that goes. */
const document = (i: number): object => ({
  listen: { host: '127.0.0.1', port: 0 },
  log: { level: 'silent' },
  admin: { port: 0, require: i % 2 === 0 ? 'any' : 'all' },
  pools: {
    users: {
      targets: [url],
      policy: (['round-robin', 'least-requests', 'p2c', { name: 'hash', key: 'path' }] as const)[i % 4],
      timeouts: { headers: 20_000 + i, idle: 30_000 + i, connect: 1000 + i % 2 },
      retries: { max: i % 3 },
      breaker: { consecutive: 2 + i },
      health: { path: `/healthz-${i}`, interval: 60_000 },
      limits: { adaptive: { initial: 20 + i }, queue: i + 1 },
      slowStart: 1000 + i,
      tls: { servername: `a${i}.test` }
    },
    [`pool-${i}`]: { targets: [url], affinity: { cookie: 'stick', secret: 'sixteen characters' } }
  },
  routes: [{ prefix: `/a${i}`, pool: 'users' }, { prefix: `/b${i}`, pool: `pool-${i}` }]
})

const running = await gateway(document(0) as never)
const generations: Array<WeakRef<object>> = []
const pools: Array<WeakRef<object>> = []
const settings: Array<WeakRef<object>> = []

async function round (i: number): Promise<void> {
  if (i > 0) await running.reload(document(i) as never)
  for (const path of [`/a${i}/x`, `/b${i}/x`]) {
    const answer = await fetch(running.address + path)
    if (await answer.text() !== 'ok') throw new Error(`${path}: ${answer.status}`)
  }
  const pool = running.upstreams[`pool-${i}`]
  const users = running.upstreams['users']
  if (pool === undefined || users === undefined) throw new Error('no pool')
  pools.push(new WeakRef(pool))
  settings.push(new WeakRef(users.settings))
  generations.push(new WeakRef(users.settings.tls))
}

function resources (): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

async function collected (): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await new Promise(resolve => { setTimeout(resolve, 25) })
    globalThis.gc?.()
  }
}

const alive = (refs: ReadonlyArray<WeakRef<object>>): number => refs.filter(ref => ref.deref() !== undefined).length

for (let i = 0; i < 10; i++) await round(i)
await collected()
const before = { heap: process.memoryUsage().heapUsed, resources: resources() }
for (let i = 10; i < ROUNDS; i++) await round(i)
await collected()
const status = await (await fetch(`${String(running.adminAddress)}/status`)).json() as { generations: number }
const after = { heap: process.memoryUsage().heapUsed, resources: resources() }
console.log(JSON.stringify({ before, after, generations: status.generations, alive: { pools: alive(pools), settings: alive(settings), tls: alive(generations) } }))
await running.stop()
await upstream.close()
