import t from 'tap'
import type { Discovery } from '../../lib/index.js'
import { DrainAsked, type Probe } from '../../lib/health/active.js'
import { oracle } from '../health/kit.js'
import { named, REFUSING, until, upstream } from '../kit/index.js'
import { reconfigurable } from './reconfigure-kit.js'

t.test('a breaker that is switched off releases whom it has ejected', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  let sick = true
  const c = await upstream(t, (_request, response) => { response.writeHead(sick ? 500 : 200, { 'x-name': 'c' }).end() })
  const it = await reconfigurable(t, { targets: [a.url, b.url, c.url], breaker: { consecutive: 1 }, retries: 0 })
  await it.turns(3)
  t.equal(it.member(c.url).health, 'down')
  await it.change({ breaker: { consecutive: 5 } })
  t.equal(it.member(c.url).health, 'down', 'ejections go on by other rules')
  sick = false
  await it.change({ breaker: false })
  t.match(it.member(c.url), { health: 'up', ejections: 1 })
  t.same([...await it.turns(3)].sort().join(''), 'abc')
  sick = true
  await it.turns(6)
  t.equal(it.member(c.url).health, 'up', 'nobody judges')
  await it.change({ breaker: { consecutive: 2 } })
  await it.turns(3)
  t.equal(it.member(c.url).health, 'up', 'one fault of two')
  await it.turns(3)
  t.equal(it.member(c.url).health, 'down')
  await it.end()
})

t.test('what a breaker has counted is kept while its options are the same, and says nothing by others', async t => {
  const { url } = await named(t, 'a')
  const sick = await upstream(t, (_request, response) => { response.writeHead(500, { 'x-name': 'b' }).end() })
  const it = await reconfigurable(t, { targets: [url, sick.url], breaker: { consecutive: 3, failureRate: 0 }, retries: 0 })
  await it.turns(4)
  await it.change({ retries: { max: 0 }, breaker: { consecutive: 3, failureRate: 0 } })
  await it.turns(2)
  t.equal(it.member(sick.url).health, 'down', 'three in a row, two of them before')
  await it.clock.advance(10_000)
  t.equal(it.member(sick.url).health, 'trial')
  await it.change({ breaker: { consecutive: 2, failureRate: 0, ejection: 1000, jitter: 0 } })
  t.equal(it.member(sick.url).health, 'trial')
  await it.turns(2)
  t.equal(it.member(sick.url).health, 'down')
  await it.clock.advance(999)
  t.equal(it.member(sick.url).health, 'down')
  await it.clock.advance(1)
  t.equal(it.member(sick.url).health, 'trial', 'the next ejection is as long as the new options say')
  await it.end()
})

t.test("an operator's ejection survives whatever becomes of the breaker but its end", async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const it = await reconfigurable(t, { targets: [a.url, b.url], breaker: false })
  it.pool.eject(a.url, 5000)
  await it.change({ retries: 1 })
  t.equal(it.member(a.url).health, 'down')
  await it.change({ breaker: {} })
  t.equal(it.member(a.url).health, 'down')
  await it.clock.advance(5000)
  t.equal(it.member(a.url).health, 'trial')
  await it.turns(4)
  t.equal(it.member(a.url).health, 'up')
  await it.end()
})

t.test('a target that can not be connected to is tried by the present options', async t => {
  const { url } = await named(t, 'a')
  const it = await reconfigurable(t, { targets: [url, REFUSING], breaker: { consecutive: 1, ejection: 60_000, jitter: 0 } })
  await it.turns(2)
  t.match(it.member(REFUSING), { health: 'down', until: undefined })
  await it.change({ breaker: { consecutive: 1, ejection: 60_000, jitter: 0, reconnect: 0 } })
  await it.clock.advance(59_999)
  t.equal(it.member(REFUSING).health, 'down')
  await it.clock.advance(1)
  t.equal(it.member(REFUSING).health, 'trial', 'it goes by time now')
  await it.end()
})

t.test('a target that is down stays down until the probes of the new options say otherwise', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const sick = new Set([b.url])
  const probe = oracle(sick)
  const health = { interval: 1000, jitter: 0, rise: 2, fall: 1, probe }
  const it = await reconfigurable(t, { targets: [a.url, b.url], health })
  await it.clock.advance(0)
  t.match(it.member(b.url), { health: 'down', reason: 'sick' })
  const asked: string[] = []
  const other: Probe = async (...args) => {
    asked.push(args[0].url)
    await probe(...args)
  }
  await it.change({ health: { ...health, interval: 500, probe: other } })
  t.match(it.member(b.url), { health: 'down', reason: 'sick' })
  t.equal(await it.turns(2), 'aa')
  await it.clock.advance(0)
  t.same(asked.sort(), [a.url, b.url].sort(), 'they ask at once')
  t.equal(it.member(b.url).health, 'down')
  sick.delete(b.url)
  await it.clock.advance(500)
  t.equal(it.member(b.url).health, 'down', 'one success of two')
  await it.clock.advance(500)
  t.equal(it.member(b.url).health, 'up')
  t.equal(it.log.filter(({ message }) => message === 'target is down').length, 1, 'and was down once')
  await it.end()
})

t.test('health that is switched off forgets what probes have said, and one that is switched on begins with what is', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const probe = oracle(new Set([b.url]))
  const health = { interval: 1000, jitter: 0, fall: 2, probe }
  const it = await reconfigurable(t, { targets: [a.url, b.url], health })
  await it.clock.advance(2000)
  t.equal(it.member(b.url).health, 'down')
  await it.change({ health: undefined })
  t.equal(it.member(b.url).health, 'up')
  t.match(it.pool.transitions.at(-1), { health: 'up', reason: 'health checks are off' })
  t.equal(it.clock.pending, 0)
  await it.change({ health: { ...health, initial: 'down' } })
  t.equal(it.member(b.url).health, 'up', 'it has been used until now')
  await it.clock.advance(1000)
  t.equal(it.member(b.url).health, 'down')
  await it.end()
})

t.test('newcomers stay newcomers under other probes', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const sick = new Set([b.url])
  const health = { interval: 1000, jitter: 0, rise: 5, probe: oracle(sick) }
  const it = await reconfigurable(t, { targets: [a.url], health })
  it.pool.add(b.url)
  await it.clock.advance(0)
  t.match(it.member(b.url), { health: 'down', reason: 'sick' })
  await it.change({ health: { ...health, interval: 2000 } })
  sick.clear()
  await it.clock.advance(2000)
  t.equal(it.member(b.url).health, 'up', 'its first success is enough')
  await it.end()
})

t.test('one that has asked its probes for a drain is used again once other probes find it well', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  let drains = true
  const probe: Probe = async target => { if (drains && target.url === b.url) throw new DrainAsked() }
  const health = { interval: 1000, jitter: 0, rise: 1, probe }
  const it = await reconfigurable(t, { targets: [a.url, b.url], health })
  await it.clock.advance(0)
  t.equal(it.member(b.url).health, 'draining')
  await it.change({ health: { ...health, interval: 500 } })
  t.equal(it.member(b.url).health, 'draining')
  drains = false
  await it.clock.advance(500)
  t.equal(it.member(b.url).health, 'up')
  await it.end()
})

t.test('discovery comes and goes, and until a new source has spoken the members are those of before', async t => {
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const ended: string[] = []
  const source = (name: string, list: string[], ready = Promise.resolve()): Discovery => async function * (signal) {
    await ready
    yield list
    await new Promise(resolve => { signal.addEventListener('abort', resolve) })
    ended.push(name)
  }
  const urls = (): string[] => it.pool.targets.map(({ url }) => url)
  const it = await reconfigurable(t, { targets: [a.url] })
  let speak = (): void => {}
  await it.change({ discovery: source('one', [b.url], new Promise(resolve => { speak = resolve })) })
  t.same(urls(), [a.url])
  speak()
  await until(() => urls().join() === b.url)
  await it.turns(2)
  const other = source('two', [b.url, c.url], new Promise(resolve => { speak = resolve }))
  await it.change({ discovery: other, discoveryTimeout: 1000 })
  t.same(urls(), [b.url])
  await until(() => ended.includes('one'))
  await it.change({ targets: [a.url, c.url], retries: 1 })
  t.same(urls(), [b.url], 'the list in the options is but what to begin with')
  speak()
  await until(() => urls().length === 2)
  t.same(urls(), [b.url, c.url])
  t.equal(it.member(b.url).counters.answered, 2)
  await it.change({ discovery: undefined, discoveryTimeout: undefined })
  t.same(urls().sort(), [a.url, c.url].sort(), 'without discovery the list is what counts')
  await until(() => ended.includes('two'))
  t.equal(it.pool.discovery, undefined)
  await it.end()
})

t.test('a start that waits for a list goes on with the source that takes its place', async t => {
  const { url } = await named(t, 'a')
  let probed = 0
  const silent: Discovery = async function * (signal) { await new Promise(resolve => { signal.addEventListener('abort', resolve) }) }
  for (const next of [async function * () { yield [url] }, undefined] as Array<Discovery | undefined>) {
    probed = 0
    const waiting = await reconfigurable(t, { targets: [url], discovery: silent, discoveryTimeout: 5000, health: { interval: 1000, jitter: 0, probe: async () => { probed++ } } }, false)
    const started = waiting.pool.start()
    await waiting.change({ discovery: next, discoveryTimeout: undefined })
    await started
    await waiting.clock.advance(1000)
    t.equal(probed, 2)
    await waiting.end()
  }
})
