import t, { type Test } from 'tap'
import type { Pool } from '../../lib/pool.js'
import { oracle, poolOf, shares } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { named, until, upstream } from '../kit/index.js'

const HEALTH = { interval: 100, jitter: 0, timeout: 50, rise: 2, fall: 3 } as const

async function up (t: Test, name: string): Promise<string> {
  return (await named(t, name)).url
}

/** Who answers the next requests. */
async function next (pool: Pool, count: number): Promise<string> {
  let names = ''
  for (let i = 0; i < count; i++) names += Object.keys(await shares(pool, 1)).join('')
  return names
}

t.test('set makes the list the members: some join, some leave, some stay', async t => {
  const [a, b, c] = [await up(t, 'a'), await up(t, 'b'), await up(t, 'c')]
  const { pool, log } = poolOf(t, { targets: [a, b] })
  pool.start()
  await pool.set([b, { url: c, weight: 2 }])
  t.same(pool.targets.map(({ url, weight }) => [url, weight]), [[b, 1], [c, 2]])
  t.same(await shares(pool, 9), { b: 3, c: 6 })
  t.same(log.map(({ message, target }) => [message, target]), [['target joined', c], ['target left', a]])
})

t.test('a set that changes nothing logs nothing and keeps every target, however their URLs are spelled', async t => {
  const a = await up(t, 'a')
  const { pool, log, member } = poolOf(t, { targets: [`${a}/base`] })
  pool.start()
  await shares(pool, 3)
  await pool.set([`${a.replace('http', 'HTTP')}/base//`])
  t.equal(member(`${a}/base`).counters.attempts, 3)
  t.same(log, [])
})

t.test('those that stay keep their counters and what they have in flight, and settle it once', async t => {
  const pending: Array<() => void> = []
  const slow = await upstream(t, (_request, response) => { pending.push(() => { response.end('late') }) })
  const a = await up(t, 'a')
  const { pool, member } = poolOf(t, { targets: [slow.url] })
  pool.start()
  const request = pool.request({ method: 'GET', path: '/' })
  await until(() => pending.length === 1)
  await pool.set([{ url: slow.url, weight: 3 }, a])
  t.match(member(slow.url), { inFlight: 1, weight: 3, counters: { attempts: 1, answered: 0 } })
  pending.forEach(answer => { answer() })
  const { body } = await request
  t.equal(await body.text(), 'late')
  t.match(member(slow.url), { inFlight: 0, counters: { attempts: 1, answered: 1, aborted: 0, broken: 0 } })
})

t.test('what is down stays down, and is not probed anew', async t => {
  const clock = new VirtualClock()
  const [a, b, c] = [await up(t, 'a'), await up(t, 'b'), await up(t, 'c')]
  const sick = new Set([b])
  const probed: string[] = []
  const { pool, member } = poolOf(t, {
    targets: [a, b, c],
    health: {
      ...HEALTH,
      probe: async (target, dispatcher, signal) => {
        probed.push(target.url)
        await oracle(sick)(target, dispatcher, signal)
      }
    }
  }, clock)
  pool.start()
  await clock.advance(250)
  t.equal(member(b).health, 'down')
  probed.length = 0
  await pool.set([{ url: b, weight: 5 }, { url: a, weight: 5 }, c])
  await clock.advance(0)
  t.match(member(b), { health: 'down', reason: 'sick', weight: 5 })
  t.same(probed, [], 'a change of the list is no reason for a probe')
  t.same(Object.keys(await shares(pool, 12)).sort(), ['a', 'c'])
  sick.clear()
  await clock.advance(50)
  t.equal(member(b).health, 'down', 'one success is not enough, as before')
  await clock.advance(100)
  t.equal(member(b).health, 'up')
})

t.test('a failure that was counted before a set counts after it', async t => {
  const clock = new VirtualClock()
  const [a, b] = [await up(t, 'a'), await up(t, 'b')]
  const { pool, member } = poolOf(t, { targets: [a, b], health: { ...HEALTH, probe: oracle(new Set([b])) } }, clock)
  pool.start()
  await clock.advance(100)
  await pool.set([b, a])
  t.equal(member(b).health, 'up')
  await clock.advance(100)
  t.equal(member(b).health, 'down', 'with the third failure in all')
})

t.test('the rotation goes on from where it was when others join and leave', async t => {
  const [a, b, c, d] = [await up(t, 'a'), await up(t, 'b'), await up(t, 'c'), await up(t, 'd')]
  const { pool } = poolOf(t, { targets: [a, b, c] })
  pool.start()
  while (await next(pool, 1) !== 'a');
  await pool.set([c, b, a, d])
  t.equal(await next(pool, 5), 'bcdab', 'nobody is skipped and nobody gets two turns; the order is that of joining')
  await pool.set([a, b, d])
  t.equal(await next(pool, 4), 'dabd')
  await pool.set([a, b])
  t.equal(await next(pool, 3), 'aba')
})

t.test('weights are taken on in place, and the shares with them', async t => {
  const [a, b] = [await up(t, 'a'), await up(t, 'b')]
  const { pool, log } = poolOf(t, { targets: [a, b] })
  pool.start()
  t.same(await shares(pool, 20), { a: 10, b: 10 })
  await pool.set([{ url: a, weight: 3 }, { url: b, weight: 1 }])
  t.same(await shares(pool, 40), { a: 30, b: 10 })
  await pool.set([a, b])
  t.same(await shares(pool, 20), { a: 10, b: 10 })
  t.equal(pool.targets[0]?.counters.attempts, 50)
  t.same(log, [], 'a weight is not a change of health')
})

t.test('set settles when those that left have finished what they had in flight', async t => {
  const pending: Array<() => void> = []
  const slow = await upstream(t, (_request, response) => { pending.push(() => { response.end() }) })
  const a = await up(t, 'a')
  const { pool } = poolOf(t, { targets: [slow.url] })
  pool.start()
  const request = pool.request({ method: 'GET', path: '/' })
  await until(() => pending.length === 1)
  let settled = false
  const set = pool.set([a]).then(() => { settled = true })
  t.same(await shares(pool, 5), { a: 5 }, 'the change itself is done at once')
  t.equal(settled, false)
  pending.forEach(answer => { answer() })
  await (await request).body.dump()
  await set
})

t.test('set to an empty list leaves nobody, until somebody joins', async t => {
  const a = await up(t, 'a')
  const { pool } = poolOf(t, { targets: [a] })
  pool.start()
  await pool.set([])
  t.same(pool.targets, [])
  await t.rejects(pool.request({ method: 'GET', path: '/' }), { code: 'FST_BALANCER_NO_TARGET' })
  pool.add(a)
  t.same(await shares(pool, 1), { a: 1 })
})
