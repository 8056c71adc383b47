import t from 'tap'
import type { AttemptStart, ExchangeEnd } from '../../lib/events.js'
import type { Observer } from '../../lib/observer.js'
import { poolOf, oracle, shares } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { gateway, named, REFUSING, until, upstream } from '../kit/index.js'

/** Writes down what it is told, in order. */
function recorder (): { observer: Observer, starts: AttemptStart[], ends: ExchangeEnd[], order: string[] } {
  const starts: AttemptStart[] = []
  const ends: ExchangeEnd[] = []
  const order: string[] = []
  return {
    starts,
    ends,
    order,
    observer: {
      attempted (_target, attempt) {
        starts.push(attempt)
        order.push(`begin ${attempt.number} ${attempt.why}`)
      },
      settled (_target, outcome, attempt) {
        if (!starts.includes(attempt)) throw new Error('another object')
        order.push(`settle ${attempt.number} ${outcome.kind}`)
      },
      ended (exchange) {
        ends.push(exchange)
        order.push(`end ${exchange.code}`)
      }
    }
  }
}

t.test('an observer is told of each attempt as it begins and ends, and then of the request', async t => {
  const a = await named(t, 'a')
  const { observer, starts, ends, order } = recorder()
  const { request } = await gateway(t, { name: 'users', policy: 'first', targets: [REFUSING, a.url], observers: [observer] })
  t.equal((await request('/x?token=secret')).statusCode, 200)
  await until(() => ends.length === 1)
  t.same(order, ['begin 1 first', 'settle 1 unsent', 'begin 2 retry', 'settle 2 answered', 'end answered_elsewhere'])
  t.match(starts, [{ pool: 'users', method: 'GET', path: '/x', number: 1 }, { number: 2 }])
  const [end] = ends
  t.match(end, { pool: 'users', method: 'GET', path: '/x', status: 200, code: 'answered_elsewhere', error: undefined, waited: 0, target: a.url })
  t.type((starts[0]?.request as { id?: string }).id, 'string', 'the request of Fastify')
  t.equal(end?.request, starts[0]?.request)
  t.match(end?.attempts, [
    { target: REFUSING, why: 'first', outcome: 'unsent', ms: Number, startedAt: Number, endedAfter: Number, sentAfter: undefined },
    { target: a.url, why: 'retry', outcome: 'answered', ms: Number, startedAt: Number, sentAfter: Number, endedAfter: Number }
  ])
  const [first, second] = end?.attempts ?? []
  t.ok((first?.startedAt ?? 0) <= (second?.startedAt ?? 0) && (second?.sentAfter ?? 0) <= (second?.ms ?? 0) && (second?.ms ?? 0) <= (second?.endedAfter ?? 0))
})

t.test('fields that an observer returns are set on its attempt, in place of the client\'s, and bad ones are left out', async t => {
  const a = await named(t, 'a')
  const { request, log } = await gateway(t, {
    targets: [a.url],
    observers: [
      { attempted: (_target, { number }) => ({ traceparent: `own-${number}`, 'x-one': '1' }) },
      { attempted: () => ({ 'x-two': '2' }) },
      { attempted: () => ({ 'x-bad': 'a\r\nb: c' }) },
      { attempted () { throw new Error('no') } }
    ]
  })
  const { headers } = await (await request('/', { headers: { Traceparent: 'theirs', 'x-two': 'theirs' } })).body.json() as { headers: Record<string, string> }
  t.match(headers, { traceparent: 'own-1', 'x-one': '1', 'x-two': '2' })
  t.notOk('x-bad' in headers || 'b' in headers)
  t.equal(log.filter(({ msg }) => msg === 'an observer failed').length, 2)
})

t.test('the end says how it went in one word: every code', async t => {
  const [never, slow] = [await upstream(t, () => {}), await upstream(t, () => {})]
  const a = await named(t, 'a')
  const broken = await upstream(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 100_000 }).write('x')
    setImmediate(() => { response.destroy() })
  })
  const reset = await upstream(t, request => { request.socket.destroy() })
  const cases: Array<[string, string[], Record<string, unknown>, string, number | undefined]> = [
    ['answered', [a.url], {}, 'answered', 200],
    ['unsent', [REFUSING], {}, 'unsent', 502],
    ['failed', [reset.url], { retries: 0 }, 'failed', 502],
    ['broken', [broken.url], {}, 'broken', 200],
    ['timeout', [never.url], { timeouts: { headers: 30 }, retries: 0 }, 'timeout', 504],
    ['deadline', [never.url], { timeouts: { total: 30 } }, 'deadline', 504],
    ['error', [a.url], { policy: () => { throw new Error('no') } }, 'error', 500]
  ]
  for (const [name, targets, options, code, status] of cases) {
    const { observer, ends } = recorder()
    const { pool } = poolOf(t, { targets, ...options, observers: [observer] })
    await pool.request({ method: 'GET', path: '/' }).then(async ({ body }) => { await body.text() }).catch(() => {})
    await until(() => ends.length === 1)
    t.match(ends, [{ code, status, request: undefined }], name)
    t.equal(ends[0]?.error === undefined, code === 'answered', name)
  }
  const { observer, ends } = recorder()
  const { pool } = poolOf(t, { targets: [slow.url], limits: { inFlight: 1, queue: 1, queueTimeout: 30, streams: 1 }, observers: [observer] })
  const leaving = new AbortController()
  const first = pool.request({ method: 'GET', path: '/', signal: leaving.signal }).catch(() => {})
  const second = pool.request({ method: 'GET', path: '/' }).catch(() => {})
  await pool.request({ method: 'GET', path: '/' }).catch(() => {})
  await second
  const events = { accept: 'text/event-stream' }
  const stream = pool.request({ method: 'GET', path: '/', headers: events }).catch(() => {})
  await pool.request({ method: 'GET', path: '/', headers: events }).catch(() => {})
  await until(() => slow.hits() === 2)
  leaving.abort()
  await first
  await pool.destroy()
  await stream
  await pool.request({ method: 'GET', path: '/' }).catch(() => {})
  t.same(ends.map(({ code }) => code), ['queue_full', 'queue_timeout', 'too_many_streams', 'client_gone', 'failed', 'pool_closed'])
  t.ok((ends[1]?.waited ?? 0) >= 25)
  t.match(pool.snapshot().counters, { requests: 6, queued: 1, queueFull: 1, queueTimeout: 1, tooManyStreams: 1, noTarget: 0 })
})

t.test('an observer can be added while the pool runs, and taken out', async t => {
  const a = await named(t, 'a')
  const { pool } = poolOf(t, { targets: [a.url] })
  const { observer, order } = recorder()
  await shares(pool, 1)
  const remove = pool.observe(observer)
  await shares(pool, 1)
  remove()
  await shares(pool, 1)
  t.same(order, ['begin 1 first', 'settle 1 answered', 'end answered'])
})

t.test('what can not be told anything is refused, and one that was added twice is told once more when it was taken out once', async t => {
  const a = await named(t, 'a')
  const { pool } = poolOf(t, { targets: [a.url] })
  for (const value of [null, undefined, {}, { ended: true }]) t.throws(() => pool.observe(value as never), { code: 'FST_BALANCER_BAD_OPTION', message: /^observer: .*, must be an object with a function attempted, / })
  let ends = 0
  const observer = { ended () { ends++ } }
  const [remove] = [pool.observe(observer), pool.observe(observer)]
  await shares(pool, 1)
  t.equal(ends, 2)
  remove()
  remove()
  await shares(pool, 1)
  t.equal(ends, 3)
})

t.test('a snapshot has everything that there is to see, and is a copy', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { pool } = poolOf(t, { targets: [a.url, { url: b.url, weight: 2 }], policy: 'p2c', limits: { inFlight: 7, queue: 3 }, retries: { budget: { share: 0, floor: 5, window: 1000 } } })
  await shares(pool, 3)
  const snapshot = pool.snapshot()
  t.match(snapshot, {
    name: 'test',
    policy: 'p2c',
    panicking: false,
    load: { inFlight: 0, streams: 0, waiting: 0 },
    limits: { inFlight: 7, queue: 3, streams: 0 },
    budgetLeft: 5,
    counters: { requests: 3, answeredElsewhere: 0, retries: 0, hedges: 0, ejections: 0, panics: 0 },
    targets: [{ url: a.url, health: 'up', cause: undefined, until: undefined, ejections: 0 }, { url: b.url, weight: 2 }]
  })
  t.ok(snapshot.targets.some(({ connections }) => connections.open > 0 && connections.busy === 0))
  t.ok(Math.abs((snapshot.targets[0]?.since ?? 0) - Date.now()) < 60_000)
  await shares(pool, 1)
  t.equal(snapshot.counters.requests, 3)
})

t.test('a target shows who took it out, since when and until when', async t => {
  const clock = new VirtualClock()
  const sick = new Set<string>()
  const [bad, good] = [await upstream(t, (_request, response) => { response.writeHead(500).end() }), await named(t, 'b')]
  const { pool, member } = poolOf(t, {
    targets: [bad.url, good.url],
    policy: 'first',
    panic: 0,
    breaker: { consecutive: 2, ejection: 5000, jitter: 0 },
    retries: 0,
    slowStart: 0,
    health: { interval: 100_000, jitter: 0, fall: 1, probe: oracle(sick) }
  }, clock)
  const joined = clock.wall()
  t.equal(member(bad.url).since, joined)
  await clock.advance(100)
  for (let i = 0; i < 2; i++) await (await pool.request({ method: 'GET', path: '/' })).body.dump()
  t.match(member(bad.url), { health: 'down', cause: 'breaker', since: joined + 100, until: joined + 5100, ejections: 1 })
  t.equal(pool.snapshot().counters.ejections, 1)
  pool.drain(good.url)
  t.match(member(good.url), { health: 'draining', cause: 'operator', since: joined + 100, until: undefined })
  t.match(pool.snapshot(), { panicking: true, counters: { panics: 1 } })
  pool.drain(good.url, false)
  await clock.advance(5000)
  t.match(member(bad.url), { health: 'trial', cause: 'breaker', since: joined + 5100, until: undefined })
  sick.add(good.url)
  pool.start()
  await clock.advance(0)
  t.match(member(good.url), { health: 'down', cause: 'probe' })
})

t.test('counters say what retries and hedges have saved', async t => {
  let turn = 0
  const flaky = await upstream(t, (_request, response) => { response.writeHead(turn++ === 0 ? 503 : 200).end() })
  const good = await named(t, 'b')
  const { pool } = poolOf(t, { targets: [flaky.url, good.url], policy: 'first', breaker: false, retries: { backoff: 0 } })
  await shares(pool, 1)
  t.match(pool.snapshot().counters, { requests: 1, retries: 1, answeredElsewhere: 1, budgetRefused: 0 })
  const slow = await upstream(t, () => {})
  const hedged = poolOf(t, { targets: [slow.url, good.url], policy: 'first', hedge: { delay: 20 } })
  await shares(hedged.pool, 1)
  t.match(hedged.pool.snapshot().counters, { requests: 1, retries: 0, hedges: 1, hedgesWon: 1, answeredElsewhere: 1 })
  const sick = await upstream(t, (_request, response) => { response.writeHead(503).end() })
  const poor = poolOf(t, { targets: [sick.url, good.url], policy: 'first', retries: { budget: { share: 0, floor: 0, window: 1000 } } })
  t.equal((await poor.pool.request({ method: 'GET', path: '/' })).statusCode, 503)
  t.match(poor.pool.snapshot().counters, { retries: 0, budgetRefused: 1, answeredElsewhere: 0 })
})
