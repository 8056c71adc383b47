import { channel } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { ExchangeOptions } from '../../lib/index.js'
import { named, upstream, type Echo } from '../kit/index.js'
import { leftOvers, pooled } from './kit.js'

/** undici's own requests, as far as its options show in them. */
interface Made {
  readonly method: string
  readonly path: string
  readonly idempotent: boolean
  readonly blocking: boolean
  readonly reset: boolean | null
  readonly typeOfService: number | undefined
  readonly expectContinue: boolean
  readonly headersTimeout: number
  readonly bodyTimeout: number
}

/** Every request that undici makes from now on. */
function made (t: Test): Made[] {
  const requests: Made[] = []
  const listener = (message: unknown): void => {
    // A copy of what is looked at: the request itself holds on to half of undici, and would be printed.
    const { method, path, idempotent, blocking, reset, typeOfService, expectContinue, headersTimeout, bodyTimeout } = (message as { request: Made }).request
    requests.push({ method, path, idempotent, blocking, reset, typeOfService, expectContinue, headersTimeout, bodyTimeout })
  }
  const created = channel('undici:request:create')
  created.subscribe(listener)
  t.teardown(() => { created.unsubscribe(listener) })
  return requests
}

t.test('what a caller says of a request reaches undici as it is', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { targets: [a.url] })
  const requests = made(t)
  const options: ExchangeOptions & { typeOfService: number } = {
    method: 'POST', path: '/x', query: { a: 'b c', d: [1, 2] }, idempotent: true, blocking: false, reset: true, expectContinue: true, typeOfService: 16
  }
  const { body } = await pool.request(options)
  t.equal((await body.json() as Echo).url, '/x?a=b%20c&d=1&d=2')
  t.match(requests, [{ method: 'POST', path: '/x?a=b%20c&d=1&d=2', idempotent: true, blocking: false, reset: true, expectContinue: true, typeOfService: 16 }])
  t.equal(requests.length, 1)
  t.same(leftOvers(pool), [])
})

t.test('what a caller does not say is what it is in undici, but for the limits that the pool keeps itself', async t => {
  const a = await named(t, 'a')
  const pool = await pooled(t, { targets: [a.url] })
  const requests = made(t)
  for (const method of ['GET', 'HEAD', 'POST'] as const) await (await pool.request({ method, path: '/x', headersTimeout: 5000, bodyTimeout: 5000 })).body.dump()
  const same = { path: '/x', reset: null, expectContinue: false, typeOfService: undefined, headersTimeout: 0, bodyTimeout: 0 }
  t.match(requests, [
    { ...same, method: 'GET', idempotent: true, blocking: true },
    { ...same, method: 'HEAD', idempotent: true, blocking: false },
    { ...same, method: 'POST', idempotent: false, blocking: true }
  ])
  t.same(leftOvers(pool), [])
})

t.test('reset closes the connection after its answer, and nothing else does', async t => {
  const sockets = new Set<Socket>()
  /** For each request, the number of its connection and what it was told about it. */
  const said: Array<[number, string | undefined]> = []
  const target = await upstream(t, (request, response) => {
    sockets.add(request.socket)
    said.push([sockets.size, request.headers.connection])
    response.end('ok')
  })
  // Without the limit, who asks again at once may get a second connection while the first is about to be free.
  const pool = await pooled(t, { targets: [target.url], limits: { connections: 1 } })
  for (const reset of [undefined, false, true, undefined]) {
    const { body } = await pool.request({ method: 'GET', path: '/', ...(reset === undefined ? undefined : { reset }) })
    t.equal(await body.text(), 'ok')
  }
  t.strictSame(said, [[1, 'keep-alive'], [1, 'keep-alive'], [1, 'close'], [2, 'keep-alive']])
  t.same(leftOvers(pool), [])
})

for (const [option, value, message] of [
  ['throwOnError', true, 'invalid throwOnError'],
  ['maxRedirections', 1, 'maxRedirections is not supported, use the redirect interceptor'],
  ['typeOfService', 256, 'typeOfService must be an integer between 0 and 255'],
  ['reset', 'yes', 'invalid reset'],
  ['expectContinue', 1, 'invalid expectContinue']
] as const) {
  t.test(`undici says what is wrong with ${option}: ${value}, and no target is to blame`, async t => {
    const a = await named(t, 'a')
    const pool = await pooled(t, { targets: [a.url] })
    await t.rejects(pool.request({ method: 'GET', path: '/', [option]: value }), { code: 'FST_BALANCER_BAD_REQUEST', cause: { message } })
    t.equal(a.hits(), 0)
    t.same(leftOvers(pool), [])
    t.equal((await pool.request({ method: 'GET', path: '/' })).statusCode, 200)
  })
}
