import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { deserted } from '../health/kit.js'
import { named, until, upstream } from '../kit/index.js'
import { identity, pem, pemPath, tlsUpstream } from '../kit/tls/index.js'
import { reconfigurable } from './reconfigure-kit.js'

t.test('the limits of the pool let in who waits, and turn nobody out', async t => {
  const answers: Array<() => void> = []
  const slow = await upstream(t, (_request, response) => { answers.push(() => { response.end() }) })
  const it = await reconfigurable(t, { targets: [slow.url], limits: { inFlight: 1, queue: 2, queueTimeout: 1000 } })
  const [one, two, three] = [it.status(), it.status(), it.status()]
  await until(() => slow.hits() === 1)
  t.same(it.pool.load, { inFlight: 1, streams: 0, waiting: 2 })
  t.equal(await it.status(), 'FST_BALANCER_QUEUE_FULL')
  await it.change({ limits: { inFlight: 2, queue: 2, queueTimeout: 1000 } })
  await until(() => slow.hits() === 2)
  t.same(it.pool.load, { inFlight: 2, streams: 0, waiting: 1 })
  await it.change({ limits: { inFlight: 1, queue: 0, queueTimeout: 100 } })
  t.same(it.pool.load, { inFlight: 2, streams: 0, waiting: 1 }, 'they stay')
  t.equal(await it.status(), 'FST_BALANCER_QUEUE_FULL')
  await it.clock.advance(100)
  t.equal(await three, 'FST_BALANCER_QUEUE_TIMEOUT', 'the shorter wait is also for those who wait already')
  for (const answer of answers) answer()
  t.same(await Promise.all([one, two]), [200, 200])
  t.match(it.pool.snapshot(), { limits: { inFlight: 1, queue: 0 }, counters: { queueFull: 2, queueTimeout: 1 } })
  await it.end()
})

t.test('the limits of a target are those of the moment', async t => {
  const answers: Array<() => void> = []
  const slow = await upstream(t, (_request, response) => { answers.push(() => { response.end() }) })
  const it = await reconfigurable(t, { targets: [slow.url], limits: { queueTimeout: 0 } })
  t.equal(it.member(slow.url).limit, Infinity)
  await it.change({ limits: { target: 1, queueTimeout: 0 } })
  const [one, two] = [it.status(), it.status()]
  await until(() => slow.hits() === 1)
  t.equal(it.pool.load.waiting, 1)
  await it.change({ limits: { queueTimeout: 0 } })
  await until(() => slow.hits() === 2)
  for (const answer of answers.splice(0)) answer()
  t.same(await Promise.all([one, two]), [200, 200])

  await it.change({ limits: { adaptive: { initial: 30 } } })
  t.equal(it.member(slow.url).limit, 30)
  const measured = it.status()
  await until(() => answers.length === 1)
  answers[0]?.()
  t.equal(await measured, 200)
  const { limit } = it.member(slow.url)
  await it.change({ limits: { adaptive: { initial: 30 }, queue: 1 } })
  t.equal(it.member(slow.url).limit, limit, 'what it has learned is kept')
  await it.change({ limits: { adaptive: { initial: 40 } } })
  t.equal(it.member(slow.url).limit, 40)
  await it.change({ limits: undefined })
  t.equal(it.member(slow.url).limit, Infinity)
  await it.end()
})

t.test('connections are kept unless they would be made in another way', async t => {
  const sockets = new Set<unknown>()
  let answer = (): void => {}
  const server = await upstream(t, (request, response) => {
    sockets.add(request.socket)
    if (request.url === '/slow') answer = () => { response.end() }
    else response.end()
  })
  const it = await reconfigurable(t, { targets: [server.url] })
  for (const changes of [{ retries: 1 }, { timeouts: { headers: 5 } }, { limits: { target: 3 } }, { breaker: false as const }, { tls: undefined }]) {
    t.equal(await it.status(), 200)
    await it.change(changes)
  }
  t.equal(sockets.size, 1)
  let expected = 1
  for (const changes of [{ limits: { connections: 2 } }, { timeouts: { connect: 500 } }, { tls: { servername: 'a.test' } }]) {
    const slow = it.status('/slow')
    const hits = server.hits()
    await until(() => server.hits() > hits)
    await it.change(changes)
    t.equal(await it.status(), 200)
    answer()
    t.equal(await slow, 200, 'what is under way ends where it began')
    t.equal(sockets.size, ++expected)
    t.equal(await it.status(), 200)
    t.equal(sockets.size, expected)
    await until(() => it.member(server.url).connections.open === 1)
  }
  await it.pool.close()
  await deserted(server.server)
  await it.end()
})

t.test('other TLS files are for other connections, and end the ejection of whom they make reachable', async t => {
  const path = mkdtempSync(join(tmpdir(), 'reconfigure-'))
  t.teardown(() => { rmSync(path, { recursive: true }) })
  const caFile = join(path, 'ca.pem')
  copyFileSync(pemPath('other-ca'), caFile)
  const asking = { ...identity('server'), ca: pem('client-ca'), requestCert: true, rejectUnauthorized: false }
  let answer = (): void => {}
  const server = await tlsUpstream(t, asking, (request, response) => {
    if (request.url === '/slow') answer = () => { response.end() }
    else response.end()
  })
  const plain = await named(t, 'a')
  const it = await reconfigurable(t, { targets: [plain.url, server.named], tls: { caFile, reloadInterval: 0 }, breaker: { consecutive: 1 }, timeouts: { connect: 0 } })
  t.equal(await it.turns(2), 'aa')
  t.match(it.member(server.named), { health: 'down', until: undefined })
  await it.change({ tls: { caFile: pemPath('ca'), reloadInterval: 0 } })
  await it.clock.advance(1300)
  await until(() => it.member(server.named).health === 'trial', 10_000)
  await it.turns(4)
  t.equal(it.member(server.named).health, 'up')

  await it.change({ targets: [server.named] })
  const slow = it.status('/slow')
  await until(() => it.member(server.named).inFlight === 1 && server.hits() > 2)
  await it.change({ tls: { caFile: pemPath('ca'), certFile: pemPath('client'), keyFile: pemPath('client-key') } })
  t.equal(it.clock.pending > 0, true, 'the files are looked at')
  t.equal(await it.status(), 200)
  t.type(server.handshakes.at(-1)?.client, 'string')
  t.equal(server.handshakes.filter(({ client }) => client !== undefined).length, 1)
  answer()
  t.equal(await slow, 200)
  await it.end()
})
