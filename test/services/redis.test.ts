import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import rateLimit from '@fastify/rate-limit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { Agent } from 'undici'
import { run } from '../examples/run.js'
import { guarded } from '../guards/kit.js'
import { named, until } from '../kit/index.js'

/** A port that was free a moment ago: Redis has to come back on the same one. */
async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Server { readonly url: string, readonly port: number, readonly start: () => Promise<void>, readonly kill: (signal?: NodeJS.Signals) => Promise<void>, readonly signal: (signal: NodeJS.Signals) => void }

async function redisServer (t: Test): Promise<Server> {
  const port = await freePort()
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], { stdio: ['ignore', 'pipe', 'inherit'] })
    child.once('error', error => { throw new Error(`this test needs redis-server: ${error.message}`) })
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) if (String(chunk).includes('Ready to accept connections')) break
  }
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  t.teardown(async () => { await kill() })
  await start()
  return { url: `redis://127.0.0.1:${port}`, port, start, kill, signal: signal => { child?.kill(signal) } }
}

interface Process { readonly child: ChildProcess, readonly ask: (client: string) => Promise<number> }

async function gatewayProcess (t: Test, upstream: string, rateLimit: object): Promise<Process> {
  const child = fork(fileURLToPath(new URL('redis-gateway.ts', import.meta.url)), [JSON.stringify({ upstream, rateLimit })], { execArgv: ['--import', import.meta.resolve('tsx')] })
  const [port] = await once(child, 'message') as [number]
  const agent = new Agent()
  t.teardown(async () => {
    await agent.destroy()
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`a gateway has crashed: ${child.exitCode ?? child.signalCode}`)
    const exited = once(child, 'exit')
    child.send('close')
    const [code] = await exited as [number | null]
    if (code !== 0) throw new Error(`a gateway did not end by itself once its app was closed: ${code}`)
  })
  return {
    child,
    ask: async client => {
      const { statusCode, body } = await agent.request({ origin: `http://127.0.0.1:${port}`, path: '/api/x', method: 'GET', headers: { 'x-client': client } })
      await body.dump()
      return statusCode
    }
  }
}

function count (statuses: readonly number[], status: number): number {
  return statuses.filter(each => each === status).length
}

const key = { header: 'x-client' }

t.test('two gateway processes with one Redis let exactly the limit through together', { timeout: 120_000 }, async t => {
  const redis = await redisServer(t)
  const { url, hits } = await named(t, 'a')
  const limit = { max: 100, timeWindow: 600_000, key, redis: redis.url, redisTimeout: 30_000 }
  const gateways = await Promise.all([1, 2].map(async () => await gatewayProcess(t, url, limit)))
  // Fifty clients at a time; of 600 requests as many go to each process.
  const statuses: number[] = []
  let next = 0
  await Promise.all(Array.from({ length: 50 }, async () => {
    while (next < 600) {
      const gateway = gateways[next++ % 2]
      if (gateway !== undefined) statuses.push(await gateway.ask('one'))
    }
  }))
  t.equal(count(statuses, 200), 100)
  t.equal(count(statuses, 429), 500)
  t.equal(hits(), 100)
  t.equal(await gateways[0]?.ask('another'), 200)
})

for (const [choice, status] of [['open', 200], ['closed', 503]] as const) {
  t.test(`while Redis is down the choice '${choice}' is a ${status}, and when it is back the limit holds again`, { timeout: 120_000 }, async t => {
    const redis = await redisServer(t)
    const { url } = await named(t, 'a')
    const { ask } = await gatewayProcess(t, url, { max: 5, timeWindow: 600_000, key, redis: redis.url, onStoreError: choice })
    await untilAsync(async () => await ask('before') === 200)
    await redis.kill()
    for (let i = 0; i < 3; i++) t.same(await Promise.all(Array.from({ length: 20 }, async () => await ask('down'))), Array.from({ length: 20 }, () => status))
    await redis.start()
    const client = new Redis(redis.url)
    t.teardown(() => { client.disconnect() })
    // Keys appear again as soon as the gateway has its connection.
    let probe = 0
    await untilAsync(async () => { await ask(`probe-${probe++}`); return await client.dbsize() > 0 })
    const statuses: number[] = []
    for (let i = 0; i < 8; i++) statuses.push(await ask('after'))
    t.same(statuses, [200, 200, 200, 200, 200, 429, 429, 429])

    // A Redis that is there and does not answer is no better.
    redis.signal('SIGSTOP')
    t.equal(await ask('after'), status)
    redis.signal('SIGCONT')
    await untilAsync(async () => await ask('after') === 429)
  })
}

t.test('a gateway starts without Redis, and uses it once it is there', { timeout: 120_000 }, async t => {
  const redis = await redisServer(t)
  await redis.kill()
  const { url } = await named(t, 'a')
  const { ask } = await gatewayProcess(t, url, { max: 2, timeWindow: 600_000, key, redis: redis.url })
  t.equal(await ask('a'), 503)
  await redis.start()
  await untilAsync(async () => await ask('b') === 429)
})

t.test('@fastify/rate-limit with an ioredis of the app\'s own: a Redis that dies is no crash', { timeout: 120_000 }, async t => {
  const redis = await redisServer(t)
  const client = new Redis(redis.url, { maxRetriesPerRequest: 0, enableOfflineQueue: false, lazyConnect: true })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => { client.disconnect() })
  const gateway = await guarded(t, async app => { await app.register(rateLimit, { max: 2, redis: client, skipOnError: true }) })
  const ask = async (): Promise<number> => {
    const { statusCode, body } = await gateway.request('/api/x')
    await body.dump()
    return statusCode
  }
  t.same([await ask(), await ask(), await ask()], [200, 200, 429])
  await redis.kill()
  await until(() => client.status !== 'ready')
  t.same([await ask(), await ask(), await ask()], [200, 200, 200])
})

t.test('examples/rate-limit-with-redis.js lets five of ten through, whichever gateway they come by', { timeout: 120_000 }, async t => {
  const redis = await redisServer(t)
  t.same(await run('rate-limit-with-redis.js', { REDIS_URL: redis.url }), ['200 200 200 200 200 429 429 429 429 429'])
})

async function untilAsync (condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`still not so after a minute: ${condition.toString()}`)
    await new Promise(resolve => { setTimeout(resolve, 20) })
  }
}
