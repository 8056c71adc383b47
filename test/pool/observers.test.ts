import t from 'tap'
import type { Observer } from '../../lib/observer.js'
import type { Outcome } from '../../lib/outcome.js'
import { at } from '../../lib/policy.js'
import { oracle, poolOf, shares } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { answering, gateway, named, REFUSING, until, upstream } from '../kit/index.js'

/** Writes down what it is told of attempts. */
function recorder (): { observer: Observer, settled: Array<[string, Outcome]>, kinds: () => string[] } {
  const settled: Array<[string, Outcome]> = []
  return {
    observer: { settled: (target, outcome) => { settled.push([target.url, outcome]) } },
    settled,
    kinds: () => settled.map(([, { kind }]) => kind)
  }
}

t.test('settled is called once per attempt, with its target and its outcome', async t => {
  const a = await named(t, 'a')
  const { observer, settled } = recorder()
  const { pool } = poolOf(t, { targets: [a.url, REFUSING], policy: targets => at(targets, targets.length - 1), observers: [observer] })
  await shares(pool, 1)
  t.match(settled, [
    [REFUSING, { kind: 'unsent', error: { code: 'ECONNREFUSED' } }],
    [a.url, { kind: 'answered', status: 200, latency: Number }]
  ])
  t.equal(settled.length, 2)
})

t.test('every kind of outcome is told as what it is', async t => {
  const broken = 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nsome'
  const cases: Array<[string, string, (status: number) => boolean]> = [
    [(await upstream(t, (_request, response) => { response.writeHead(500).end() })).url, 'answered', status => status === 500],
    [(await upstream(t, (_request, response) => { response.writeHead(404).end('x'.repeat(100_000)) })).url, 'answered', status => status === 404],
    [REFUSING, 'unsent', () => false],
    [await answering(t, '', 'reset'), 'failed', () => false],
    [await answering(t, broken, 'end'), 'broken', () => false]
  ]
  for (const [url, kind, statusOk] of cases) {
    const { observer, settled } = recorder()
    const { pool } = poolOf(t, { targets: [url], observers: [observer] })
    await pool.request({ method: 'GET', path: '/' }).then(async ({ body }) => { await body.text() }).catch(() => {})
    t.same(settled.map(([target, outcome]) => [target, outcome.kind]), [[url, kind]])
    const outcome = settled[0]?.[1]
    if (outcome?.kind === 'answered') t.ok(statusOk(outcome.status) && outcome.latency >= 0)
    else t.type(outcome?.error, Error)
  }
})

t.test('a request that its sender gives up is aborted, once, before and after the answer began', async t => {
  const target = await upstream(t, (request, response) => { if (request.url === '/half') response.write('half') })
  const { observer, kinds } = recorder()
  const { pool } = poolOf(t, { targets: [target.url], observers: [observer] })
  const before = new AbortController()
  const waiting = pool.request({ method: 'GET', path: '/none', signal: before.signal })
  await until(() => target.hits() === 1)
  before.abort()
  await t.rejects(waiting)
  t.same(kinds(), ['aborted'])
  const { body } = await pool.request({ method: 'GET', path: '/half' })
  body.on('error', () => {}).destroy()
  await until(() => kinds().length === 2)
  t.same(kinds(), ['aborted', 'aborted'])
  await until(() => pool.targets[0]?.inFlight === 0)
})

t.test('settled comes when the body is done, and by then the attempt is not in flight any more', async t => {
  let finish: (() => void) | undefined
  const target = await upstream(t, (_request, response) => {
    response.write('begin')
    finish = () => { response.end('end') }
  })
  const seen: number[] = []
  const { pool, member } = poolOf(t, { targets: [target.url], observers: [{ settled: ({ inFlight }) => { seen.push(inFlight) } }] })
  const { body } = await pool.request({ method: 'GET', path: '/' })
  t.equal(member(target.url).inFlight, 1)
  t.same(seen, [])
  finish?.()
  t.equal(await body.text(), 'beginend')
  t.same(seen, [0])
})

t.test('requests through the gateway are told of as well, and probes are not', async t => {
  const a = await named(t, 'a')
  const { observer, kinds } = recorder()
  const { request } = await gateway(t, { targets: [a.url], health: { path: '/healthz', interval: 5 }, observers: [observer] })
  await until(() => a.hits() >= 3)
  t.same(kinds(), [])
  for (let i = 0; i < 3; i++) await (await request('/')).body.dump()
  t.same(kinds(), ['answered', 'answered', 'answered'])
})

t.test('healthChanged tells of every change, once, with what it was and why', async t => {
  const clock = new VirtualClock()
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const sick = new Set<string>()
  const changes: unknown[] = []
  const { pool } = poolOf(t, {
    targets: [a.url, b.url],
    health: { interval: 100, jitter: 0, rise: 2, fall: 3, probe: oracle(sick) },
    observers: [{ healthChanged: ({ url, health }, was, reason) => { changes.push([clock.now(), url, was, health, reason]) } }]
  }, clock)
  pool.start()
  await clock.advance(1050)
  t.same(changes, [])
  sick.add(b.url)
  await clock.advance(1000)
  sick.clear()
  await clock.advance(1000)
  t.same(changes, [[1300, b.url, 'up', 'down', 'sick'], [2200, b.url, 'down', 'up', 'probes succeed']])
})

t.test('an observer that throws is logged and changes nothing, for the others neither', async t => {
  const clock = new VirtualClock()
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const sick = new Set([b.url])
  const { observer, kinds } = recorder()
  let changes = 0
  const { pool, log, member } = poolOf(t, {
    targets: [a.url, b.url],
    health: { interval: 100, jitter: 0, fall: 1, probe: oracle(sick) },
    observers: [
      { settled () { throw new Error('settled failed') }, healthChanged () { throw new Error('healthChanged failed') } },
      {},
      { ...observer, healthChanged () { changes++ } }
    ]
  }, clock)
  pool.start()
  await clock.advance(0)
  t.equal(member(b.url).health, 'down')
  t.equal(changes, 1)
  t.same(await shares(pool, 3), { a: 3 })
  t.same(kinds(), ['answered', 'answered', 'answered'])
  t.match(member(a.url), { inFlight: 0, counters: { attempts: 3, answered: 3 } })
  const errors = log.filter(({ level }) => level === 'error')
  t.same(errors.map(({ message, pool }) => [message, pool]), new Array(4).fill(['an observer failed', 'test']))
  t.same(errors.map(({ err }) => (err as Error).message), ['healthChanged failed', ...new Array<string>(3).fill('settled failed')])
})

t.test('an observer that is asynchronous and fails is logged too', async t => {
  const a = await named(t, 'a')
  const { pool, log } = poolOf(t, { targets: [a.url], observers: [{ settled: async () => { throw new Error('too late') } }] })
  t.same(await shares(pool, 1), { a: 1 })
  await until(() => log.length === 1)
  t.match(log, [{ level: 'error', message: 'an observer failed', err: { message: 'too late' } }])
})

t.test('the methods of an observer are called on it', async t => {
  class Counter implements Observer {
    count = 0
    settled (): void { this.count++ }
  }
  const counter = new Counter()
  const a = await named(t, 'a')
  const { pool } = poolOf(t, { targets: [a.url], observers: [counter] })
  await shares(pool, 2)
  t.equal(counter.count, 2)
})
