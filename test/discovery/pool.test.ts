import t from 'tap'
import { oracle, poolOf, shares } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { named, until, upstream } from '../kit/index.js'
import { told } from './kit.js'

const [A, B, C] = ['http://a.test', 'http://b.test', 'http://c.test']
const HEALTH = { interval: 100, jitter: 0, timeout: 50, rise: 2, fall: 3 } as const

t.test('the targets are those of the list; those that stay keep their counters, their place and their health', async t => {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const { source, say } = told([a.url, b.url])
  const { pool, member, log } = poolOf(t, { discovery: source })
  await pool.start()
  t.same(pool.targets.map(({ url }) => url), [a.url, b.url])
  await shares(pool, 4)
  pool.drain(b.url)
  say([c.url, { url: b.url, weight: 2 }])
  await until(() => pool.targets.some(({ url }) => url === c.url))
  t.same(pool.targets.map(({ url }) => url), [b.url, c.url])
  t.match(member(b.url), { weight: 2, health: 'draining', reason: 'drained', counters: { attempts: 2 } })
  t.same(await shares(pool, 3), { c: 3 })
  t.same(log.map(({ message, target }) => [message, target]), [
    ['target joined', a.url], ['target joined', b.url], ['target is draining', b.url], ['target joined', c.url], ['target left', a.url]
  ])
})

t.test('a list that is the same changes nothing and says nothing', async t => {
  const clock = new VirtualClock()
  const { source, say } = told([A, B])
  let picked: readonly unknown[] = []
  const lists = new Set<unknown>()
  const { pool, log } = poolOf(t, { discovery: source, policy: targets => { picked = targets; throw new Error('enough') } }, clock)
  await pool.start()
  const lines = log.length
  for (let i = 0; i < 3; i++) {
    await pool.request({ method: 'GET', path: '/' }).catch(() => {})
    lists.add(picked)
    say([B, `${A}/`])
    await clock.advance(0)
  }
  t.equal(log.length, lines)
  t.equal(lists.size, 1, 'and policies keep what they have worked out')
})

t.test('a list that comes in time counts as configured; one that comes later passes a probe first', async t => {
  const clock = new VirtualClock()
  const { source, say } = told([A])
  const sick = new Set([C])
  const reasons: Array<string | undefined> = []
  const { pool, member, log } = poolOf(t, {
    discovery: source, health: { ...HEALTH, probe: oracle(sick) }, observers: [{ joined: ({ reason }) => { reasons.push(reason) } }]
  }, clock)
  await pool.start()
  t.same(reasons, [undefined])
  say([A, B, C])
  await until(() => pool.targets.length === 3)
  t.same(reasons.slice(1), ['not probed yet', 'not probed yet'])
  await clock.advance(0)
  t.equal(member(B).health, 'up')
  t.equal(member(C).health, 'down')
  t.equal(log.filter(({ message }) => message === 'target failed its first probe').length, 1)
})

t.test('targets are there until the first list comes, which takes their place', async t => {
  const clock = new VirtualClock()
  const { source, say } = told()
  const { pool, member } = poolOf(t, { targets: [A, B], discovery: source, discoveryTimeout: 300, health: { ...HEALTH, initial: 'down', probe: oracle(new Set()) } }, clock)
  t.equal(pool.targets.length, 2)
  const started = pool.start()
  await clock.advance(299)
  t.equal(member(A).reason, 'not probed yet', 'nobody is probed while there may be others')
  await clock.advance(1)
  await started
  await clock.advance(0)
  t.equal(member(A).health, 'up')
  say([A])
  await clock.advance(0)
  t.same(pool.targets.map(({ url }) => url), [A])
  t.match(pool.discovery, { listed: 1, failure: undefined })
})

t.test('without a target requests are answered with a 503, until there is one', async t => {
  const a = await named(t, 'a')
  const { source, say } = told()
  const { pool } = poolOf(t, { discovery: source, discoveryTimeout: 0 })
  await pool.start()
  await t.rejects(pool.request({ method: 'GET', path: '/' }), { code: 'FST_BALANCER_NO_TARGET', statusCode: 503 })
  say([a.url])
  await until(() => pool.targets.length === 1)
  t.same(await shares(pool, 1), { a: 1 })
  say([])
  await until(() => pool.targets.length === 0)
  await t.rejects(pool.request({ method: 'GET', path: '/' }), { code: 'FST_BALANCER_NO_TARGET' })
})

t.test('what fails keeps the last list, and is logged, told to observers and shown once for each reason', async t => {
  const clock = new VirtualClock()
  const { source, say } = told([A])
  const heard: unknown[] = []
  const { pool, log } = poolOf(t, {
    discovery: source,
    observers: [{
      discoveryChanged: (pool, failure) => { heard.push([pool, failure]) },
      joined: ({ url }, pool) => { heard.push(['joined', url, pool]) },
      left: ({ url }, pool) => { heard.push(['left', url, pool]) }
    }]
  }, clock)
  await pool.start()
  for (let i = 0; i < 3; i++) {
    say(new Error('no answer'))
    await clock.advance(30_000)
  }
  t.same(pool.targets.map(({ url }) => url), [A])
  t.match(pool.discovery, { listedAt: 0, listed: 1, failure: 'no answer', failedAt: 0 })
  say([{ url: B, weight: -1 }])
  await clock.advance(0)
  say([B])
  await clock.advance(0)
  t.match(pool.discovery, { listedAt: 90_000, listed: 1, failure: undefined, failedAt: undefined })
  t.match(log, [
    { level: 'info', message: 'target joined', target: A },
    { level: 'warn', message: 'discovery failed: the last list stays in use', pool: 'test', reason: 'no answer' },
    { level: 'warn', message: 'discovery failed: the last list stays in use', pool: 'test', reason: 'list[0].weight: -1, must be >= 0' },
    { level: 'info', message: 'discovery works again', pool: 'test' },
    { level: 'info', message: 'target joined', target: B },
    { level: 'info', message: 'target left', target: A }
  ])
  t.equal(log.length, 6)
  t.same(heard, [
    ['joined', A, 'test'], ['test', 'no answer'], ['test', 'list[0].weight: -1, must be >= 0'], ['test', undefined], ['joined', B, 'test'], ['left', A, 'test']
  ])
})

t.test('discovery drains a target, which is not an operator\'s drain, and gives it back', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { source, say } = told([a.url, { url: b.url, draining: 'terminating' }])
  const { pool, member } = poolOf(t, { discovery: source })
  await pool.start()
  const settled = async (list: unknown): Promise<void> => {
    const before = pool.discovery?.listedAt
    say(list)
    await until(() => pool.discovery?.listedAt !== before)
  }
  t.match(member(b.url), { health: 'draining', reason: 'terminating' })
  t.same(await shares(pool, 3), { a: 3 })
  pool.drain(b.url, false)
  t.match(member(b.url), { health: 'draining', reason: 'terminating' }, 'an operator has not said so and can not take it back')
  pool.drain(b.url)
  t.equal(member(b.url).reason, 'drained')
  await settled([a.url, b.url])
  t.equal(member(b.url).reason, 'drained', 'discovery can not take back what an operator has said')
  pool.drain(b.url, false)
  t.equal(member(b.url).health, 'up')
  await settled([a.url, { url: b.url, draining: true }])
  t.match(member(b.url), { health: 'draining', reason: 'draining, says discovery' })
  await settled([a.url, { url: b.url, draining: false }])
  t.same(await shares(pool, 4), { a: 2, b: 2 })
  await settled([{ url: a.url, draining: true }, { url: b.url, draining: true }])
  t.same(Object.keys(await shares(pool, 2)).sort(), ['a', 'b'], 'when all are draining they are used: nobody else is there')
})

t.test('a target that leaves finishes what it has in flight', async t => {
  const pending: Array<() => void> = []
  const slow = await upstream(t, (_request, response) => { pending.push(() => { response.end('late') }) })
  const b = await named(t, 'b')
  const { source, say } = told([slow.url])
  const { pool } = poolOf(t, { discovery: source })
  await pool.start()
  const request = pool.request({ method: 'GET', path: '/' })
  await until(() => pending.length === 1)
  say([b.url])
  await until(() => pool.targets[0]?.url === b.url)
  t.same(await shares(pool, 2), { b: 2 })
  pending.forEach(answer => { answer() })
  t.equal(await (await request).body.text(), 'late')
})

t.test('a target that goes by another name from now on is another target', async t => {
  const a = await named(t, 'a')
  const { source, say } = told([{ url: a.url, host: 'one.test' }])
  const { pool } = poolOf(t, { discovery: source })
  await pool.start()
  const host = async (): Promise<string> => {
    const { body } = await pool.request({ method: 'GET', path: '/' })
    return (await body.json() as { headers: { host: string } }).headers.host
  }
  t.equal(await host(), 'one.test')
  say([{ url: a.url, host: 'two.test:81' }])
  await until(() => pool.targets[0]?.host === 'two.test:81')
  t.equal(pool.targets.length, 1)
  t.equal(await host(), 'two.test:81')
  t.equal(pool.targets[0]?.counters.attempts, 1)
})

t.test('what operators do lasts until the next list', async t => {
  const clock = new VirtualClock()
  const { source, say } = told([A])
  const { pool } = poolOf(t, { discovery: source }, clock)
  await pool.start()
  pool.add(B)
  await pool.remove(A)
  t.same(pool.targets.map(({ url }) => url), [B])
  say([A])
  await clock.advance(0)
  t.same(pool.targets.map(({ url }) => url), [A])
})

t.test('stop, retire, close and destroy end a source that hangs, and wait for nothing', async t => {
  for (const end of ['stop', 'retire', 'close', 'destroy'] as const) {
    for (const first of [[[A]], []]) {
      const clock = new VirtualClock()
      const { source, signal, say } = told(...first)
      const { pool } = poolOf(t, { discovery: source, timeouts: { grace: 0 }, health: { ...HEALTH, probe: oracle(new Set()) } }, clock)
      const started = pool.start()
      await clock.advance(0)
      await pool[end]()
      await started
      t.equal(signal()?.aborted, true, end)
      say([B])
      await clock.advance(60_000)
      t.equal(pool.targets.length, first.length)
      t.equal(clock.pending, 0, end)
    }
  }
})

t.test('a thousand lists leave nothing behind', async t => {
  const clock = new VirtualClock()
  const { source, say, signal } = told()
  let listeners = 0
  const { pool } = poolOf(t, {
    discovery: async function * (its) {
      its.addEventListener('abort', () => { listeners++ })
      yield * source(its)
    },
    discoveryTimeout: 0
  }, clock)
  await pool.start()
  for (let i = 0; i < 1000; i++) {
    say(i % 10 === 9 ? new Error('now and then') : [A, `http://b${i}.test`])
    if (i % 10 === 9) await clock.advance(1200)
    else if (i % 100 === 0) await clock.advance(0)
  }
  await clock.advance(0)
  t.equal(pool.targets.length, 2)
  t.equal(clock.pending, 0)
  pool.stop()
  t.equal(signal()?.aborted, true)
  t.equal(listeners, 101, 'each run of the source had a signal of its own')
})
