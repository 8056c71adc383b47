import t from 'tap'
import type { RetryOptions } from '../../lib/index.js'
import { gateway, until, upstream, type Upstream } from '../kit/index.js'

/** Targets that answer what the path asks for: `/503` is a 503. */
async function answeringPaths (count: number, t: Parameters<typeof upstream>[0], fields: Record<string, string> = {}): Promise<Upstream[]> {
  return await Promise.all(Array.from({ length: count }, async () => await upstream(t, (request, response) => {
    request.resume().on('end', () => {
      response.writeHead(Number(request.url?.slice(1)), fields)
      response.end('no')
    })
  })))
}

const hits = (targets: Upstream[]): number => targets.reduce((sum, target) => sum + target.hits(), 0)

t.test('statuses, methods and when say which answers are asked for elsewhere', async t => {
  for (const [retries, method, path, sent] of [
    [0, 'GET', '/503', 1],
    [{ max: 0 }, 'GET', '/503', 1],
    [{ max: 1 }, 'GET', '/503', 2],
    [{}, 'GET', '/503', 3],
    [{}, 'GET', '/500', 1],
    [{ statuses: [500] }, 'GET', '/500', 3],
    [{ statuses: [500] }, 'GET', '/503', 1],
    [{ methods: ['POST'] }, 'POST', '/503', 3],
    [{ methods: ['POST'] }, 'GET', '/503', 1],
    [{ when: outcome => outcome.kind === 'answered' && outcome.status === 418 }, 'POST', '/418', 3],
    [{ when: () => false }, 'GET', '/503', 1]
  ] as ReadonlyArray<[number | RetryOptions, 'GET' | 'POST', string, number]>) {
    const targets = await answeringPaths(3, t)
    const { request } = await gateway(t, { targets: targets.map(({ url }) => url), retries })
    const response = await request(path, { method, body: method === 'POST' ? 'x' : null })
    t.equal(response.statusCode, Number(path.slice(1)))
    t.equal(await response.body.text(), 'no')
    t.equal(hits(targets), sent, `${JSON.stringify(retries)} ${method} ${path}`)
  }
})

t.test('a when that throws is a 500, and the next request is served', async t => {
  const [target] = await answeringPaths(1, t)
  const { app, request } = await gateway(t, {
    name: 'pool',
    targets: [target?.url ?? '', 'http://127.0.0.1:1'],
    policy: 'first',
    retries: {
      when: outcome => {
        if (outcome.kind === 'answered' && outcome.status === 200) return false
        throw new Error('mine')
      }
    }
  })
  const response = await request('/503')
  t.equal(response.statusCode, 500)
  t.match(await response.body.json(), { message: 'mine' })
  t.equal((await request('/200')).statusCode, 200)
  app.upstreams['pool']?.drain(target?.url ?? '')
  t.equal((await request('/')).statusCode, 500, 'nor when nothing was sent')
  await until(() => app.upstreams['pool']?.load.inFlight === 0)
})

t.test('when every target answers 503 the budget keeps what they get at 1.2 times the requests', async t => {
  const targets = await answeringPaths(3, t)
  const { request } = await gateway(t, { targets: targets.map(({ url }) => url), breaker: false, retries: { budget: { share: 0.2, floor: 0, window: 60_000 } } })
  const statuses = new Set<number>()
  await Promise.all(Array.from({ length: 10 }, async () => {
    for (let i = 0; i < 20; i++) {
      const response = await request('/503')
      statuses.add(response.statusCode)
      await response.body.dump()
    }
  }))
  t.same([...statuses], [503], 'the upstream\'s own')
  t.equal(hits(targets), 200 * 1.2)
})

t.test('Retry-After reaches the client at once, in seconds as it came, and nothing is sent again', async t => {
  const [target] = await answeringPaths(1, t, { 'retry-after': '1' })
  const { request } = await gateway(t, { targets: [target?.url ?? ''] })
  const response = await request('/503')
  await response.body.dump()
  t.equal(response.statusCode, 503)
  t.equal(response.headers['retry-after'], '1')
  t.equal(target?.hits(), 1)
})

t.test('with retries.retryAfter it is waited for, a second and not a millisecond', async t => {
  let first = 0
  const target = await upstream(t, (_request, response) => {
    if (first === 0) {
      first = performance.now()
      response.writeHead(503, { 'retry-after': '1' })
    }
    response.end()
  })
  const { request } = await gateway(t, { targets: [target.url], retries: { retryAfter: 1000 } })
  const response = await request('/')
  t.equal(response.statusCode, 200)
  t.ok(performance.now() - first > 990, `${performance.now() - first} ms`)
  t.equal(target.hits(), 2)
})
