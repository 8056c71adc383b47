import t from 'tap'
import type { Observer } from '../../lib/index.js'
import { named, REFUSING, until, upstream } from '../kit/index.js'
import { reconfigurable } from './reconfigure-kit.js'

t.test('the same policy keeps its turn whatever else changes, another one begins anew', async t => {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const it = await reconfigurable(t, { targets: [a.url, b.url, c.url], policy: 'round-robin' })
  let all = await it.turns(1)
  for (const changes of [
    { panic: 0.1 }, { retries: 1 }, { timeouts: { headers: 100 } }, { limits: { queue: 1 } }, { breaker: { consecutive: 1 } }, { breaker: false as const }, { overprovisioning: 2 },
    { slowStart: 1000 }, { slowStart: undefined }, { hedge: { delay: 500 } }, { observers: [{ settled () {} }] }, { zone: undefined }, { replayBytes: 1 },
    { drainHeader: false as const }, { affinity: { cookie: 'a', secret: 'sixteen characters' } }, { limits: { target: 5 } }, { limits: { adaptive: true } }, { limits: { connections: 3 } },
    { timeouts: { connect: 100 } }, { tls: { servername: 'a.test' } }, { policy: 'round-robin' as const }
  ]) {
    await it.change(changes)
    all += await it.turns(1)
  }
  const order = all.slice(0, 3)
  t.equal(new Set(order).size, 3)
  t.equal(all, order.repeat(8).slice(0, all.length), 'not one turn is missing or doubled')

  await it.change({ policy: 'first' })
  t.equal(await it.turns(4), 'aaaa')
  t.equal(it.pool.snapshot().policy, 'first')
  await it.change({ policy: { name: 'hash', key: 'path' } })
  const [one, other] = [await it.turns(3, '/one'), await it.turns(3, '/x')]
  t.match(one + other, /^(.)\1\1(.)\2\2$/)
  await it.change({ policy: targets => targets[1] ?? targets[0] as never })
  t.equal(await it.turns(3), 'bbb')
  t.equal(it.pool.snapshot().policy, 'own')
  await it.change({ policy: undefined })
  t.same([...await it.turns(6)].sort().join(''), 'aabbcc')
  t.match(it.member(a.url).counters, { attempts: it.member(a.url).counters.answered, faults: 0 })
  await it.end()
})

t.test('policies that go by load forget what they kept of targets once there is another', async t => {
  const { url } = await named(t, 'a')
  const it = await reconfigurable(t, { targets: [url, REFUSING], policy: 'least-requests', breaker: false })
  const watchers = new Set<unknown>()
  for (let i = 0; i < 20; i++) {
    await it.change({ policy: i % 2 === 0 ? 'p2c' : 'least-requests' })
    watchers.add(it.pool.settings.selection.policy)
    t.equal(await it.turns(2), 'aa')
  }
  t.equal(watchers.size, 20)
  await it.end()
})

t.test('retries and their budget take effect with the next request, and what the budget has counted stays while it is the same', async t => {
  const { url } = await named(t, 'a')
  const sick = await upstream(t, (_request, response) => { response.writeHead(503).end() })
  const it = await reconfigurable(t, { targets: [sick.url, url], policy: 'first', breaker: false, retries: { backoff: 0, budget: { share: 0, floor: 0.2, window: 10_000 } } })
  t.equal(it.pool.snapshot().budgetLeft, 2)
  t.equal(await it.status(), 200)
  t.equal(it.pool.snapshot().budgetLeft, 1)
  await it.change({ panic: 0 })
  t.equal(it.pool.snapshot().budgetLeft, 1, 'one was used')
  await it.change({ retries: 0 })
  t.equal(await it.status(), 503)
  await it.change({ retries: { backoff: 0, statuses: [500], budget: false } })
  t.equal(it.pool.snapshot().budgetLeft, undefined)
  t.equal(await it.status(), 503)
  await it.change({ retries: { backoff: 0, statuses: [503] } })
  t.equal(await it.status(), 200)
  await it.change({ retries: { backoff: 0, methods: ['PUT'] } })
  t.equal(await it.status(), 503, 'a GET is not repeated any more')
  await it.end()
})

t.test('hedging begins and ends with the options', async t => {
  const { url } = await named(t, 'a')
  let answer = (): void => {}
  const slow = await upstream(t, (_request, response) => { answer = () => { response.end() } })
  const it = await reconfigurable(t, { targets: [slow.url, url], policy: 'first' })
  const plain = it.status()
  await until(() => slow.hits() === 1)
  await it.change({ hedge: { delay: 100 } })
  await it.clock.advance(1000)
  t.equal(it.pool.snapshot().counters.hedges, 0, 'what is under way goes by what it was begun with')
  answer()
  t.equal(await plain, 200)
  const hedged = it.status()
  await until(() => slow.hits() === 2)
  await it.clock.advance(100)
  t.equal(await hedged, 200)
  t.match(it.pool.snapshot().counters, { hedges: 1, hedgesWon: 1 })
  await it.change({ hedge: undefined })
  const last = it.status()
  await until(() => slow.hits() === 3)
  await it.clock.advance(1000)
  answer()
  t.equal(await last, 200)
  t.equal(it.pool.snapshot().counters.hedges, 1)
  await it.end()
})

t.test('timeouts are those of the moment that a request begins', async t => {
  let answer = (): void => {}
  const slow = await upstream(t, (_request, response) => { answer = () => { response.end() } })
  const it = await reconfigurable(t, { targets: [slow.url], timeouts: { headers: 1000 }, retries: 0 })
  const before = it.status()
  await until(() => slow.hits() === 1)
  await it.change({ timeouts: { headers: 100 } })
  const after = it.status()
  await until(() => slow.hits() === 2)
  await it.clock.advance(100)
  t.equal(await after, 'FST_BALANCER_HEADERS_TIMEOUT')
  await it.clock.advance(899)
  t.equal(it.pool.load.inFlight, 1)
  await it.clock.advance(1)
  t.equal(await before, 'FST_BALANCER_HEADERS_TIMEOUT')
  for (let i = 1; i <= 50; i++) await it.change({ timeouts: { headers: 2000 + i, idle: 3000 + i, total: i % 2 } })
  await it.clock.advance(10_000)
  t.equal(it.clock.pending, 0, 'no length that is not used any more has a timer')
  await it.change({ timeouts: { headers: 0 } })
  const unlimited = it.status()
  await until(() => slow.hits() === 3)
  await it.clock.advance(1_000_000)
  answer()
  t.equal(await unlimited, 200)
  await it.end()
})

t.test('the threshold of panic, zones and what a tier is good for are those of the moment', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const it = await reconfigurable(t, { targets: [{ url: a.url, zone: 'east' }, { url: b.url, zone: 'west' }], zone: 'east', breaker: { consecutive: 1 } })
  t.equal(await it.turns(4), 'aaaa')
  await it.change({ zone: 'west' })
  t.equal(await it.turns(4), 'bbbb')
  await it.change({ zone: undefined })
  t.same([...await it.turns(4)].sort().join(''), 'aabb')
  it.pool.eject(a.url)
  t.equal(it.pool.panicking, false)
  await it.change({ panic: 0.9 })
  t.equal(it.pool.panicking, true)
  t.same([...await it.turns(2)].sort().join(''), 'ab')
  t.match(it.log.filter(({ level }) => level === 'warn').at(-1), { message: 'too few targets are up: all are used', up: 1, of: 2 })
  await it.change({ panic: 0 })
  t.equal(it.pool.panicking, false)
  await it.end()
})

t.test('slow start that is switched off gives the whole share at once', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const it = await reconfigurable(t, { targets: [a.url], slowStart: { window: 10_000 } })
  it.pool.add(b.url)
  t.equal(it.member(b.url).share, 0.1)
  await it.change({ slowStart: { window: 10_000, minimum: 0.5 } })
  t.equal(it.member(b.url).share, 0.5, 'another way to the same share')
  await it.change({ slowStart: undefined })
  t.equal(it.member(b.url).share, 1)
  await it.end()
})

t.test('affinity is that of the moment', async t => {
  const { url } = await named(t, 'a')
  const it = await reconfigurable(t, { targets: [url] })
  t.equal(it.pool.affinity, undefined)
  const options = { cookie: 'stick', secret: 'sixteen characters' }
  await it.change({ affinity: options })
  const { affinity } = it.pool
  t.ok(affinity)
  await it.change({ affinity: { ...options }, retries: 1 })
  t.equal(it.pool.affinity, affinity, 'the same options are the same thing')
  await it.change({ affinity: { ...options, secret: 'another one of sixteen' } })
  t.not(it.pool.affinity, affinity)
  await it.change({ affinity: undefined })
  t.equal(it.pool.affinity, undefined)
  await it.end()
})

t.test('observers of the options are replaced, those that were added stay', async t => {
  const { url } = await named(t, 'a')
  const told: string[] = []
  const observer = (name: string): Observer => ({ settled () { told.push(name) }, ended () { told.push(name.toUpperCase()) } })
  const it = await reconfigurable(t, { targets: [url], observers: [observer('a')] })
  const leave = it.pool.observe(observer('x'))
  await it.turns(1)
  t.same(told.splice(0).sort().join(''), 'AXax')
  await it.change({ observers: [observer('b'), observer('c')] })
  await it.turns(1)
  t.same(told.splice(0).sort().join(''), 'BCXbcx')
  await it.change({ observers: undefined })
  await it.turns(1)
  t.same(told.splice(0).sort().join(''), 'Xx')
  leave()
  await it.turns(1)
  t.same(told, [])
  await it.end()
})

t.test('a list of targets is taken on only if it has changed, and what stays keeps everything', async t => {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const it = await reconfigurable(t, { targets: [a.url, b.url] })
  await it.turns(4)
  await it.pool.set([a.url, c.url])
  await it.change({ retries: 1 })
  t.same(it.pool.targets.map(({ url }) => url), [a.url, c.url], 'the operator has the last word until the list changes')
  await it.change({ targets: [{ url: a.url, weight: 3 }, { url: b.url, weight: 1 }] })
  t.same(it.pool.targets.map(({ url, weight }) => [url, weight]), [[a.url, 3], [b.url, 1]])
  t.equal(it.member(a.url).counters.answered, 2, 'it has stayed')
  t.equal(it.member(b.url).counters.answered, 0, 'it was away')
  t.same([...await it.turns(8)].sort().join(''), 'aaaaaabb')
  await it.change({ targets: [{ url: a.url, weight: 0 }, b.url] })
  t.equal(it.member(a.url).health, 'draining')
  t.equal(await it.turns(2), 'bb')
  await it.end()
})

t.test('what is in flight on a target that leaves ends where it began', async t => {
  const { url } = await named(t, 'a')
  let answer = (): void => {}
  const slow = await upstream(t, (_request, response) => { answer = () => { response.end() } })
  const it = await reconfigurable(t, { targets: [slow.url] })
  const under = it.status()
  await until(() => slow.hits() === 1)
  let left = false
  const changed = it.change({ targets: [url] }).then(() => { left = true })
  t.equal(await it.turns(2), 'aa')
  t.equal(left, false)
  answer()
  t.equal(await under, 200)
  await changed
  await it.end()
})

t.test('a pool that is closed, or whose app closes, takes nothing on', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  for (const end of ['retire', 'close', 'destroy'] as const) {
    const it = await reconfigurable(t, { targets: [a.url], timeouts: { grace: 0 } })
    await it.turns(1)
    await it.pool[end]()
    await it.change({ targets: [b.url], health: { path: '/', interval: 1000 }, discovery: async function * () { yield [b.url] }, policy: 'first' })
    t.same(it.pool.targets.map(({ url }) => url), [a.url], end)
    t.equal(it.pool.snapshot().policy, 'round-robin')
    t.equal(it.pool.discovery, undefined)
    await it.end()
  }
})

t.test('a pool that was stopped takes on options, and starts nothing', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const it = await reconfigurable(t, { targets: [a.url], health: { path: '/', interval: 1000 } })
  await until(() => a.hits() === 1)
  it.pool.stop()
  let asked = 0
  await it.change({ targets: [b.url], health: { path: '/x', interval: 500 }, discovery: async function * () { asked++ } })
  await it.clock.advance(5000)
  t.equal(asked, 0)
  t.equal(it.clock.pending, 0)
  await it.end()
})
