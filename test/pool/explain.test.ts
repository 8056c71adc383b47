import t, { type Test } from 'tap'
import type { Explanation, PickExplanation, Pool } from '../../lib/index.js'
import { explainText } from '../../lib/index.js'
import type { PoolOptions } from '../../lib/pool-options.js'
import { poolOf } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { named, REFUSING } from '../kit/index.js'

const TARGETS = ['http://a.test', 'http://b.test', 'http://c.test']

function pickIn ({ steps }: Explanation): PickExplanation {
  const [pick] = steps
  if (pick?.step !== 'pick') throw new Error('no pick')
  return pick
}

function explaining (t: Test, options: Partial<PoolOptions> = {}): { pool: Pool, clock: VirtualClock } {
  const clock = new VirtualClock()
  const { pool } = poolOf(t, { targets: TARGETS, ...options }, clock)
  return { pool, clock }
}

t.test('explain says whom the next request goes to, and the next request goes there', async t => {
  const upstreams = await Promise.all(['a', 'b', 'c'].map(async name => await named(t, name)))
  for (const policy of ['round-robin', 'least-requests', 'first', { name: 'hash', key: 'path' }] as const) {
    const { pool } = explaining(t, { targets: upstreams.map(({ url }, i) => ({ url, weight: i + 1 })), policy })
    const key = typeof policy === 'object' ? 'ada' : undefined
    let foreseen = 0
    for (let i = 0; i < 12; i++) {
      const { picked, because } = pickIn(pool.explain(key ?? {}))
      t.same(pickIn(pool.explain(key ?? {})).picked, picked, 'asking twice is asking once')
      const { body } = await pool.request({ method: 'GET', path: '/', ...(key === undefined ? undefined : { key }) } as Parameters<Pool['request']>[0])
      const { name } = await body.json() as { name: string }
      if (picked === undefined) t.match(because, /chance/, 'only the first')
      else {
        foreseen++
        t.equal(upstreams.findIndex(({ url }) => url === picked), ['a', 'b', 'c'].indexOf(name), `${JSON.stringify(policy)} ${i}`)
      }
    }
    t.ok(foreseen >= 11, `${foreseen} of 12`)
  }
})

t.test('explaining changes nothing', async t => {
  const upstreams = await Promise.all(['a', 'b', 'c'].map(async name => await named(t, name)))
  const picks = async (explains: boolean): Promise<string> => {
    const clock = new VirtualClock(7)
    const { pool } = poolOf(t, { targets: upstreams.map(({ url }) => url), policy: 'random', slowStart: 1000, limits: { target: 2 } }, clock)
    pool.start()
    const names: string[] = []
    for (let i = 0; i < 20; i++) {
      const before = JSON.stringify([pool.targets, pool.load])
      if (explains) for (let j = 0; j < 3; j++) pool.explain({ path: '/x', method: 'POST' })
      t.equal(JSON.stringify([pool.targets, pool.load]), before)
      names.push((await (await pool.request({ method: 'GET', path: '/' })).body.json() as { name: string }).name)
    }
    return names.join()
  }
  t.equal(await picks(true), await picks(false))
})

t.test('where chance decides, everyone has a chance', async t => {
  const { pool } = explaining(t, { policy: 'random', targets: [{ url: 'http://a.test', weight: 3 }, 'http://b.test'] })
  const pick = pickIn(pool.explain())
  t.equal(pick.picked, undefined)
  t.match(pick.candidates, [{ chance: 0.75 }, { chance: 0.25 }])
  t.match(explainText(pool.explain()), /Now nobody can be named: chance decides: the one that is drawn at random, by weight\. Chosen from http:\/\/a\.test 75 %; http:\/\/b\.test 25 %\./)
})

t.test('a key is read as the route would read it, and is in no explanation', async t => {
  const { pool } = explaining(t, { policy: { name: 'hash', key: { header: 'X-User' } } })
  const byHeader = pool.explain({ headers: { 'X-USER': 'hidden-ada' } })
  t.equal(pickIn(byHeader).picked, pickIn(pool.explain('hidden-ada')).picked)
  t.equal(byHeader.keyed, true)
  t.equal(pool.explain({}).keyed, false)
  t.notMatch(JSON.stringify(byHeader) + explainText(byHeader), 'hidden')
  const byQuery = explaining(t, { policy: { name: 'hash', key: { query: 'user' } } }).pool.explain({ path: '/x?user=hidden' })
  t.match(byQuery, { keyed: true, path: '/x' })
  const own = explaining(t, { policy: { name: 'hash', key: request => request.headers.authorization?.slice(7) } }).pool
  t.equal(own.explain({ headers: { authorization: 'Bearer x' } }).keyed, true)
  const demanding = explaining(t, { policy: { name: 'hash', key: request => request.routeOptions.url } }).pool
  t.equal(demanding.explain().keyed, false, 'what a function misses is no key')
})

t.test('a cookie is followed', async t => {
  const { pool } = explaining(t, { affinity: { cookie: 'stick', secret: 's'.repeat(32) }, policy: 'first' })
  const cookie = String(pool.affinity?.setCookie('http://c.test').split(';')[0])
  const pick = pickIn(pool.explain({ headers: { Cookie: cookie } }))
  t.match(pick, { picked: 'http://c.test', because: 'is the target that the client belongs to, by its cookie' })
  t.match(pick.candidates.map(({ leftOut }) => leftOut), ['belongs_elsewhere', 'belongs_elsewhere', undefined])
})

t.test('whether it would be sent again', async t => {
  const { pool } = explaining(t)
  t.match(pool.explain({ method: 'GET' }).further, { max: 2, budgetLeft: 100, failed: 'move_on' })
  t.match(pool.explain({ method: 'POST' }).further, { failed: 'not_idempotent' })
  t.match(pool.explain({ method: 'POST', headers: { 'Idempotency-Key': 'k' } }).further, { failed: 'move_on' })
  t.match(explaining(t, { retries: 0 }).pool.explain().further, { max: 0, failed: 'max_reached' })
  let asked = 0
  const { further } = explaining(t, { retries: { when: () => ++asked > 0 } }).pool.explain()
  t.same([further?.failed, asked], [undefined, 0], 'a function of the user\'s is not asked')
  t.match(explainText(explaining(t, { retries: { when: () => true } }).pool.explain()), /retries\.when decides/)
})

t.test('no target, no room, a line, a pool that is closed', async t => {
  const { pool } = explaining(t)
  for (const { url } of pool.targets) pool.drain(url)
  t.match(pool.explain(), { result: { status: 503, code: 'FST_BALANCER_NO_TARGET' } })
  t.match(pickIn(pool.explain()).candidates.map(({ leftOut, reason }) => `${leftOut} ${reason}`), ['draining drained', 'draining drained', 'draining drained'])
  t.match(explainText(pool.explain()), /nobody can be named: there is no target left.*http:\/\/a\.test, draining; .*\n.*\nThe client would get a 503 \(FST_BALANCER_NO_TARGET\)\.$/)

  const upstream = await named(t, 'a')
  const full = explaining(t, { targets: [upstream.url], limits: { inFlight: 1, queue: 1, queueTimeout: 0, streams: 1 } }).pool
  const first = full.request({ method: 'GET', path: '/' })
  t.match(full.explain(), { waiting: 0, result: undefined })
  const second = full.request({ method: 'GET', path: '/' })
  t.match(full.explain(), { waiting: undefined, result: { code: 'FST_BALANCER_QUEUE_FULL' } })
  t.match(full.explain({ headers: { accept: 'text/event-stream' } }), { result: undefined }, 'a stream does not wait')
  for (const { body } of [await first, await second]) await body.dump()

  await pool.close()
  t.match(pool.explain(), { result: { status: 503, code: 'FST_BALANCER_POOL_CLOSED' } })
})

t.test('an ejection is told with its end', async t => {
  const { pool, clock } = explaining(t, { targets: [REFUSING, 'http://b.test'], policy: 'first', breaker: { consecutive: 1, reconnect: 0, jitter: 0 } })
  const { body } = await pool.request({ method: 'GET', path: '/' }).catch(() => ({ body: undefined }))
  t.equal(body, undefined)
  const [down] = pickIn(pool.explain()).candidates
  t.match(down, { target: REFUSING, health: 'down', leftOut: 'down', reason: /^ejected: .*ECONNREFUSED/, until: clock.wall() + 5000 })
  t.match(explainText(pool.explain()), /down until 1970-01-01T00:00:05\.000Z \(ejected: /)
})

t.test('a request that makes no sense is refused', async t => {
  const { pool } = explaining(t)
  t.throws(() => pool.explain({ path: 'x' }), { code: 'FST_BALANCER_BAD_OPTION', message: "path: 'x', must be a path that begins with '/'" })
  t.throws(() => pool.explain({ methd: 'GET' } as object), { message: 'methd: unknown option, allowed are key, method, path, headers, address' })
  t.throws(() => pool.explain({ method: 'get' }), { message: "method: 'get', must be a method in upper case" })
  t.throws(() => pool.explain(5 as unknown as string), { message: 'options: 5, must be an object' })
})

t.test('ten thousand targets are explained', async t => {
  for (const policy of ['least-requests', 'p2c', 'random', 'round-robin', { name: 'hash', key: 'path' }] as const) {
    const { pool } = explaining(t, { policy, targets: Array.from({ length: 10_000 }, (_, i) => ({ url: `http://t${i}.test`, weight: 1 + i % 3 })) })
    t.equal(pickIn(pool.explain('x')).candidates.length, 10_000)
    t.ok(explainText(pool.explain('x')).length < 10_000, 'a sentence names few of them')
  }
})
