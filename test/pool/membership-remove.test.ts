import t from 'tap'
import { connections, deserted, oracle, poolOf, shares } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { named, until, upstream } from '../kit/index.js'

t.test('a target that is removed gets no new requests from that moment on', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { pool, log } = poolOf(t, { targets: [a.url, b.url] })
  pool.start()
  t.same(await shares(pool, 10), { a: 5, b: 5 })
  const removed = pool.remove(b.url)
  t.same(pool.targets.map(({ url }) => url), [a.url])
  t.same(await shares(pool, 10), { a: 10 })
  await removed
  t.equal(b.hits(), 5)
  t.match(log, [{ level: 'info', message: 'target left', pool: 'test', target: b.url, inFlight: 0 }])
})

t.test('what it has in flight finishes, then its connections are closed and the promise settles', async t => {
  const pending: Array<() => void> = []
  const slow = await upstream(t, (request, response) => {
    if (request.url === '/quick') {
      response.end()
      return
    }
    response.write('first half, ')
    pending.push(() => { response.end('second half') })
  })
  const other = await named(t, 'other')
  const { pool, log } = poolOf(t, { targets: [slow.url] })
  pool.start()
  // Leaves an idle connection behind as well.
  await Promise.all([0, 1].map(async () => { await (await pool.request({ method: 'GET', path: '/quick' })).body.dump() }))
  const requests = [0, 1, 2].map(async () => await (await pool.request({ method: 'GET', path: '/' })).body.text())
  await until(() => pending.length === 3)
  pool.add(other.url)
  let settled = false
  const removed = pool.remove(slow.url).then(() => { settled = true })
  t.same(await shares(pool, 20), { other: 20 })
  t.equal(settled, false)
  t.ok(await connections(slow.server) >= 3)
  t.equal(log.at(-1)?.['inFlight'], 3)
  pending.forEach(answer => { answer() })
  t.same(await Promise.all(requests), new Array(3).fill('first half, second half'))
  await removed
  await deserted(slow.server)
})

t.test('a target that returns after its removal is a new one, even while the old one finishes', async t => {
  const pending: Array<() => void> = []
  const slow = await upstream(t, (_request, response) => { pending.push(() => { response.end() }) })
  const { pool, member } = poolOf(t, { targets: [slow.url] })
  pool.start()
  const before = pool.request({ method: 'GET', path: '/' })
  await until(() => pending.length === 1)
  const removed = pool.remove(slow.url)
  pool.add({ url: slow.url, weight: 2 })
  t.match(member(slow.url), { inFlight: 0, weight: 2, counters: { attempts: 0 } })
  const after = pool.request({ method: 'GET', path: '/' })
  await until(() => pending.length === 2)
  pending.forEach(answer => { answer() })
  for (const { statusCode, body } of await Promise.all([before, after])) {
    t.equal(statusCode, 200)
    await body.dump()
  }
  await removed
  t.match(member(slow.url), { inFlight: 0, counters: { attempts: 1, answered: 1 } })
})

t.test('probes of a target end with its membership, the one in flight too', async t => {
  const silent = await upstream(t, () => {})
  const a = await named(t, 'a')
  const { pool } = poolOf(t, { targets: [a.url], health: { path: '/healthz', interval: 1, timeout: 60_000 } })
  pool.start()
  pool.add(silent.url)
  await until(() => silent.hits() === 1)
  await pool.remove(silent.url)
  await deserted(silent.server)
  const probes = a.hits()
  await until(() => a.hits() > probes + 5)
  t.equal(silent.hits(), 1)
})

t.test('the removal of one that was down or new takes its part in the panic with it', async t => {
  const clock = new VirtualClock()
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const health = { interval: 100, jitter: 0, probe: oracle(new Set([b.url, c.url])) }
  const { pool } = poolOf(t, { targets: [a.url, b.url, c.url], health }, clock)
  pool.start()
  await clock.advance(1000)
  t.equal(pool.panicking, true)
  await pool.remove(b.url)
  t.equal(pool.panicking, false, 'one of two is enough')
  t.same(await shares(pool, 4), { a: 4 })
  await pool.remove(a.url)
  t.same(await shares(pool, 2), { c: 2 })
  await pool.remove(c.url)
  pool.stop()
  t.equal(clock.pending, 0)
})

t.test('a pool without targets refuses', async t => {
  const a = await named(t, 'a')
  const { pool } = poolOf(t, { targets: [a.url] })
  await pool.remove(a.url)
  await t.rejects(pool.request({ method: 'GET', path: '/' }), { code: 'FST_BALANCER_NO_TARGET', statusCode: 503 })
})

t.test('closing the pool waits for targets that have left, destroying it does not', async t => {
  const pending: Array<() => void> = []
  const slow = await upstream(t, (_request, response) => { pending.push(() => { response.end('late') }) })
  for (const end of ['close', 'destroy'] as const) {
    pending.length = 0
    const { pool } = poolOf(t, { targets: [slow.url] })
    pool.start()
    const request = pool.request({ method: 'GET', path: '/' }).then(async ({ body }) => await body.text(), error => (error as { code: string }).code)
    await until(() => pending.length === 1)
    const removed = pool.remove(slow.url)
    let ended = false
    const ending = pool[end]().then(() => { ended = true })
    if (end === 'close') {
      await new Promise(resolve => { setImmediate(resolve) })
      t.equal(ended, false)
      pending.forEach(answer => { answer() })
      t.equal(await request, 'late')
    } else {
      t.equal(await request, 'FST_BALANCER_FAILED')
    }
    await Promise.all([removed, ending])
    await deserted(slow.server)
  }
})
