import { getEventListeners } from 'node:events'
import t from 'tap'
import { fetch, type Dispatcher } from 'undici'
import type { ExchangeOptions, Policy } from '../../lib/index.js'
import { ALSO_REFUSING, answering, named, rawUpstream, REFUSING, upstream } from '../kit/index.js'
import { leftOvers, pooled } from './kit.js'

const GET: ExchangeOptions = { method: 'GET', path: '/' }

t.test('errors carry a code, a status and their cause', async t => {
  const cases: Array<[url: string, code: string, statusCode: number, cause: object]> = [
    [REFUSING, 'FST_BALANCER_UNREACHABLE', 502, { code: 'ECONNREFUSED' }],
    [await answering(t, '', 'reset'), 'FST_BALANCER_FAILED', 502, { code: 'ECONNRESET' }],
    [await answering(t, 'junk\r\n'), 'FST_BALANCER_FAILED', 502, { name: 'HTTPParserError' }],
    [await rawUpstream(t, () => {}), 'FST_BALANCER_HEADERS_TIMEOUT', 504, { code: 'UND_ERR_HEADERS_TIMEOUT' }]
  ]
  for (const [url, code, statusCode, cause] of cases) {
    const pool = await pooled(t, { targets: [url], timeouts: { headers: 200 } })
    await t.rejects(pool.request(GET), { code, statusCode, cause })
    t.equal(pool.targets[0]?.inFlight, 0)
  }
})

t.test('a body that breaks off tells why', async t => {
  const url = await answering(t, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n', 'end')
  const pool = await pooled(t, { targets: [url] })
  const { statusCode, body } = await pool.request(GET)
  t.equal(statusCode, 200)
  await t.rejects(body.text(), { code: 'FST_BALANCER_BROKEN', statusCode: 502, cause: Error })
  t.match(pool.targets[0], { inFlight: 0, counters: { broken: 1 } })
})

t.test('a closed pool takes no requests', async t => {
  const a = await named(t, 'a')
  for (const end of ['close', 'destroy'] as const) {
    const pool = await pooled(t, { targets: [a.url] })
    await (await pool.request(GET)).body.dump()
    await pool[end]()
    await t.rejects(pool.request(GET), { code: 'FST_BALANCER_POOL_CLOSED', statusCode: 503 })
    await t.rejects(fetch('http://x/', { dispatcher: pool }), { cause: { code: 'FST_BALANCER_POOL_CLOSED' } })
  }
  t.equal(a.hits(), 2)
})

t.test('a pool that is destroyed starts no further attempt of what was in flight', async t => {
  const hanging = await upstream(t, () => {})
  const fresh = await named(t, 'fresh')
  const pool = await pooled(t, { policy: 'first', targets: [hanging.url, fresh.url] })
  const answer = pool.request(GET)
  while (hanging.hits() === 0) await new Promise(resolve => { setImmediate(resolve) })
  const reason = new Error('mine')
  const rejected = t.rejects(answer, { code: 'FST_BALANCER_FAILED', cause: reason })
  await pool.destroy(reason)
  await rejected
  t.equal(fresh.hits(), 0)
  t.same(pool.targets.map(({ inFlight }) => inFlight), [0, 0])
})

t.test('a pool in which every target is drained has none', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { targets: [a.url] })
  pool.drain(a.url)
  await t.rejects(pool.request(GET), { code: 'FST_BALANCER_NO_TARGET', statusCode: 503 })
})

/** What undici will not write, whoever the target is. */
const REFUSED: Record<string, Partial<ExchangeOptions>> = {
  'a line break in a header': { headers: { 'x-name': 'a\r\nb: c' } },
  'a header name with a space': { headers: { 'x name': 'a' } },
  'a header that is an object': { headers: { 'x-name': {} as unknown as string } },
  'Transfer-Encoding': { headers: { 'transfer-encoding': 'chunked' } },
  Expect: { headers: { expect: '100-continue' } },
  'an odd number of header items': { headers: ['a', 'b', 'c'] },
  'headers that are a text': { headers: 'a: b' as unknown as string[] },
  'a path with a space': { path: '/a b' },
  'no path': { path: undefined as unknown as string },
  'a method with a space': { method: 'GE T' as Dispatcher.HttpMethod }
}

for (const [what, options] of Object.entries(REFUSED)) {
  t.test(`${what} is a bad request: sent to nobody, repeated nowhere, nobody's fault`, async t => {
    const a = await named(t, 'a')
    const b = await named(t, 'b')
    const pool = await pooled(t, { targets: [a.url, b.url] })
    await t.rejects(pool.request({ ...GET, ...options }), { code: 'FST_BALANCER_BAD_REQUEST', statusCode: 400, cause: Error })
    t.same(leftOvers(pool), [])
    t.equal(pool.targets.reduce((sum, { counters }) => sum + counters.attempts, 0), 1)
    t.same([a.hits(), b.hits()], [0, 0])
  })
}

t.test('requests that are turned down cost no connections', async t => {
  const a = await named(t, 'a')
  let connections = 0
  a.server.on('connection', () => { connections++ })
  const pool = await pooled(t, { targets: [a.url] })
  for (let i = 0; i < 50; i++) {
    await t.rejects(pool.request({ ...GET, headers: { 'x-name': 'a\nb' } }), { code: 'FST_BALANCER_BAD_REQUEST' })
    await (await pool.request(GET)).body.dump()
  }
  t.ok(connections <= 3, `${connections} connections`)
})

const POLICIES: Record<string, Policy> = {
  throws: () => { throw new Error('mine') },
  'returns nothing': () => undefined as unknown as ReturnType<Policy>,
  'returns a copy of a target': ([target]) => ({ ...target }) as unknown as ReturnType<Policy>
}

for (const [what, policy] of Object.entries(POLICIES)) {
  t.test(`a policy that ${what} is an error of its own`, async t => {
    const a = await named(t, 'a')
    const pool = await pooled(t, { policy, targets: [a.url] })
    await t.rejects(pool.request(GET), { code: 'FST_BALANCER_POLICY', statusCode: 500, ...(what === 'throws' ? { cause: { message: 'mine' } } : undefined) })
    t.same(leftOvers(pool), [])
    t.equal(pool.targets[0]?.counters.attempts, 0)
  })
}

t.test('a policy that returns a target that was tried before is an error of its own', async t => {
  let first: ReturnType<Policy> | undefined
  const pool = await pooled(t, { policy: ([target]) => (first ??= target) as ReturnType<Policy>, targets: [REFUSING, ALSO_REFUSING] })
  await t.rejects(pool.request(GET), { code: 'FST_BALANCER_POLICY' })
  t.equal(pool.targets.reduce((sum, { counters }) => sum + counters.attempts, 0), 1)
})

t.test('a policy sees the targets that are left, the number of the attempt and the key', async t => {
  const a = await named(t, 'a')
  const picks: Array<[targets: number, attempt: number, key: string | undefined]> = []
  const policy: Policy = (targets, { attempt, key }) => {
    picks.push([targets.length, attempt, key])
    return targets[0] as ReturnType<Policy>
  }
  const pool = await pooled(t, { policy, targets: [REFUSING, ALSO_REFUSING, a.url] })
  await (await pool.request({ ...GET, key: 'k' } as ExchangeOptions)).body.dump()
  t.same(picks, [[3, 0, 'k'], [2, 1, 'k'], [1, 2, 'k']])
})

t.test('failed requests leave no listeners behind on a signal that they share', async t => {
  const pool = await pooled(t, { targets: [REFUSING, ALSO_REFUSING] })
  const { signal } = new AbortController()
  for (let i = 0; i < 50; i++) await t.rejects(pool.request({ ...GET, signal }), { code: 'FST_BALANCER_UNREACHABLE' })
  t.equal(getEventListeners(signal, 'abort').length, 0)
  t.same(pool.targets.map(({ inFlight }) => inFlight), [0, 0])
})
