import { setImmediate as tick } from 'node:timers/promises'
import t from 'tap'
import { deserted, poolOf, shares } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { named, upstream } from '../kit/index.js'

const CYCLES = 1000

/** What keeps the process busy right now, by kind. */
function resources (): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

t.test('a thousand targets that come and go leave no timers behind', async t => {
  const clock = new VirtualClock()
  let running = 0
  const { pool } = poolOf(t, {
    targets: ['http://a.internal'],
    health: {
      interval: 100,
      probe: async (_target, _dispatcher, signal) => {
        running++
        await new Promise(resolve => { signal.addEventListener('abort', resolve) })
        running--
      }
    }
  }, clock)
  pool.start()
  t.equal(clock.pending, 1, 'the one member needs one timer')
  for (let i = 0; i < CYCLES; i++) {
    pool.add(`http://b${i}.internal`)
    // Removed while it is probed, or while it waits for its next probe.
    if (i % 2 === 0) await clock.advance(i % 100 === 0 ? 2100 : 0)
    await pool.remove(`http://b${i}.internal`)
  }
  await tick()
  t.equal(clock.pending, 1, 'and still does')
  t.equal(pool.targets.length, 1)
  pool.stop()
  await tick()
  t.equal(clock.pending, 0)
  t.equal(running, 0, 'nor probes')
})

t.test('a thousand cycles of adding, using, draining and removing leave no connections and no listeners behind', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const healthz = await upstream(t, (_request, response) => { response.end() })
  const { pool } = poolOf(t, { targets: [a.url], health: { path: '/', port: healthz.port, interval: 2, timeout: 60_000 } })
  pool.start()
  await shares(pool, 2)
  const listeners = (): number => [pool, process].flatMap(emitter => emitter.eventNames().map(name => emitter.listenerCount(name))).reduce((a, b) => a + b, 0)
  const listening = listeners()
  const before = resources()
  let used = 0
  for (let i = 0; i < CYCLES; i++) {
    pool.add(b.url)
    // Most are gone before their first probe has ended; some are used.
    if (i % 20 === 0) {
      while (pool.targets[1]?.health !== 'up') await tick()
      used += (await shares(pool, 2))['b'] ?? 0
    }
    if (i % 3 === 0) pool.drain(b.url)
    await pool.remove(b.url)
  }
  t.equal(used, CYCLES / 20)
  pool.stop()
  await deserted(b.server)
  await deserted(healthz.server)
  t.equal(listeners(), listening)
  const after = resources()
  t.ok((after['TCPSocketWrap'] ?? 0) <= (before['TCPSocketWrap'] ?? 0) + 2, `connections: ${JSON.stringify({ before, after })}`)
  t.ok((after['Timeout'] ?? 0) <= (before['Timeout'] ?? 0) + 2, `timers: ${JSON.stringify({ before, after })}`)
})

t.test('a thousand sets end with the last list, and with the counters of who stayed', async t => {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const { pool, member } = poolOf(t, { targets: [a.url] })
  pool.start()
  await shares(pool, 3)
  const sets: Array<Promise<void>> = []
  for (let i = 0; i < CYCLES; i++) sets.push(pool.set(i % 2 === 0 ? [a.url, b.url] : [{ url: c.url, weight: 1 + i % 3 }, a.url]))
  await Promise.all(sets)
  t.same(pool.targets.map(({ url }) => url).sort(), [a.url, c.url].sort())
  t.equal(member(a.url).counters.attempts, 3)
  t.equal(member(c.url).weight, 1 + (CYCLES - 1) % 3)
})
