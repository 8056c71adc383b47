import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import t, { type Test } from 'tap'
import balancer, { type HealthOptions } from '../../lib/index.js'
import { connections, deserted } from '../health/kit.js'
import { gateway, logged, named, until, upstream } from '../kit/index.js'

/** Nothing here ends by itself within the time of a test. */
const NEVER = 600_000

/** A server that accepts connections and never says a word on them. */
async function blackHole (t: Test): Promise<{ server: Server, port: number }> {
  const server = createServer(socket => { socket.on('error', () => {}).resume() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return { server, port: (server.address() as AddressInfo).port }
}

/** How long the fastest of three apps took to close; one slow turn may be the machine's. */
async function fastestClose (t: Test, url: string, health: HealthOptions, underWay: () => Promise<boolean>): Promise<number> {
  let fastest = Infinity
  for (let i = 0; i < 3; i++) {
    const { app } = logged()
    t.teardown(async () => { await app.close() })
    await app.register(balancer, { targets: [url], health: { timeout: NEVER, interval: NEVER, ...health } })
    await app.listen({ port: 0, host: '127.0.0.1' })
    while (!await underWay()) await new Promise(resolve => { setTimeout(resolve, 2) })
    const started = performance.now()
    await app.close()
    fastest = Math.min(fastest, performance.now() - started)
  }
  return fastest
}

t.test('closing does not wait for a probe that gets no answer, and takes its connection along', async t => {
  const { server, port } = await blackHole(t)
  const took = await fastestClose(t, `http://127.0.0.1:${port}`, { path: '/healthz' }, async () => await connections(server) > 0)
  t.ok(took < 200, `${took} ms`)
  await deserted(server)
})

for (const health of [{ path: '/healthz' }, { type: 'tcp' }] as const) {
  t.test(`closing does not wait for the handshake of a probe (${'path' in health ? 'http' : 'tcp'}), and takes its connection along`, async t => {
    const { server, port } = await blackHole(t)
    const took = await fastestClose(t, `https://127.0.0.1:${port}`, health, async () => await connections(server) > 0)
    t.ok(took < 200, `${took} ms`)
    await deserted(server)
  })
}

t.test('closing does not wait for a probe that ignores its signal', async t => {
  let started = 0
  let apps = 0
  const probe = async (): Promise<void> => {
    started++
    await new Promise(() => {})
  }
  const took = await fastestClose(t, 'http://127.0.0.1:1', { probe }, async () => started > apps && ++apps > 0)
  t.ok(took < 200, `${took} ms`)
})

t.test('after the close no probe comes', async t => {
  const a = await named(t, 'a')
  const { app } = await gateway(t, { targets: [a.url], health: { path: '/healthz', interval: 5 } })
  await until(() => a.hits() >= 5)
  await app.close()
  // One that was on its way has arrived when its connection is gone.
  await deserted(a.server)
  const probes = a.hits()
  await new Promise(resolve => { setTimeout(resolve, 200) })
  t.equal(a.hits(), probes)
})

t.test('no probe starts while the app waits for its last requests, not even of a target that joins then', async t => {
  const pending: Array<() => void> = []
  let probes = 0
  const slow = await upstream(t, (request, response) => {
    if (request.url === '/healthz') {
      probes++
      response.end()
    } else {
      pending.push(() => { response.end('late') })
    }
  })
  const b = await named(t, 'b')
  const { app, request } = await gateway(t, { name: 'users', targets: [slow.url], health: { path: '/healthz', interval: 5 } }, { forceCloseConnections: 'idle' })
  // Node keeps the connection of a request that ends during the close; that is not the matter here.
  const waiting = request('/', { reset: true })
  await until(() => pending.length === 1 && probes >= 3)
  let closed = false
  const closing = app.close().then(() => { closed = true })
  await until(() => !app.server.listening)
  app.upstreams['users']?.add(b.url)
  const before = probes
  await new Promise(resolve => { setTimeout(resolve, 100) })
  t.equal(closed, false)
  t.ok(probes <= before + 1, 'one may have been on its way')
  t.equal(b.hits(), 0)
  pending.forEach(answer => { answer() })
  t.equal(await (await waiting).body.text(), 'late')
  await closing
})

t.test('closing ends what handlers still ask of a target, whether it is a member or has left', async t => {
  const silent = await upstream(t, () => {})
  for (const leave of [false, true]) {
    const { app } = logged()
    await app.register(balancer, { name: 'users', targets: [silent.url] })
    await app.ready()
    const pool = app.upstreams['users']
    if (pool === undefined) throw new Error('no pool')
    const hits = silent.hits()
    const request = pool.request({ method: 'GET', path: '/' })
    const outcome = t.rejects(request, { code: 'FST_BALANCER_FAILED' })
    await until(() => silent.hits() > hits)
    if (leave) void pool.remove(silent.url)
    await app.close()
    await outcome
    await t.rejects(pool.request({ method: 'GET', path: '/' }), { code: 'FST_BALANCER_POOL_CLOSED', statusCode: 503 })
    await deserted(silent.server)
  }
})

t.test('an app that was never ready closes too, and so does one that closes twice', async t => {
  const a = await named(t, 'a')
  const { app } = logged()
  app.register(balancer, { targets: [a.url], health: { path: '/healthz', interval: 5 } })
  await app.close()
  await app.close()
  await deserted(a.server)
  const probes = a.hits()
  await new Promise(resolve => { setTimeout(resolve, 100) })
  t.equal(a.hits(), probes)
})
