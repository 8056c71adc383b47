import type { ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import type { AttemptRecord, PolicyOption } from '../../lib/index.js'
import { gateway, named, REFUSING, until, upstream, type Upstream } from '../kit/index.js'

const POLICIES: PolicyOption[] = ['round-robin', 'random', 'least-requests', 'p2c', 'first', { name: 'hash', key: 'path' }]

/** Targets that answer 503 and count how often each path came to each of them. */
async function busy (t: Test, count: number, answer = (response: ServerResponse): void => { response.end('busy') }): Promise<{ targets: Upstream[], seen: Map<string, number> }> {
  const seen = new Map<string, number>()
  const targets = await Promise.all(Array.from({ length: count }, async (_, i) => await upstream(t, (request, response) => {
    const id = `${i} ${request.url ?? ''}`
    seen.set(id, (seen.get(id) ?? 0) + 1)
    response.statusCode = 503
    answer(response)
  })))
  return { targets, seen }
}

for (const policy of POLICIES) {
  const name = typeof policy === 'object' ? policy.name : String(policy)
  t.test(`no target is asked twice for one request: ${name}`, async t => {
    const { targets, seen } = await busy(t, 4)
    const { request } = await gateway(t, { policy, breaker: false, retries: { budget: false }, targets: targets.map(({ url }) => url) })

    await Promise.all(Array.from({ length: 20 }, async (_, worker) => {
      for (let i = 0; i < 10; i++) {
        const response = await request(`/${worker}-${i}`)
        t.equal(response.statusCode, 503)
        await response.body.dump()
      }
    }))

    t.same([...new Set(seen.values())], [1], 'no request came to the same target twice')
    t.equal(seen.size, 200 * 3, 'each was tried on the first target and on two further ones')
  })
}

for (const [retries, wanted] of [[0, 1], [1, 2], [2, 3], [9, 4]] as const) {
  t.test(`with retries ${retries} and four busy targets a request is sent ${wanted} times`, async t => {
    const { targets, seen } = await busy(t, 4)
    const { app, request } = await gateway(t, { name: 'pool', breaker: false, retries, targets: targets.map(({ url }) => url) })
    const response = await request('/')
    t.equal(response.statusCode, 503)
    t.equal(await response.body.text(), 'busy')
    t.equal(seen.size, wanted)
    t.equal(app.upstreams['pool']?.targets.reduce((sum, { counters }) => sum + counters.answered, 0), wanted)
  })
}

t.test('with retries 0 not even a refused connection is mended', async t => {
  const good = await named(t, 'good')
  const { request } = await gateway(t, { retries: 0, policy: 'first', targets: [REFUSING, good.url] })
  t.equal((await request('/')).statusCode, 502)
  t.equal(good.hits(), 0)
})

t.test('the last answer reaches the client as it is, and Retry-After is not slept on', async t => {
  let answers = 0
  const { targets } = await busy(t, 5, response => {
    const body = `answer ${++answers}`
    response.writeHead(503, { 'retry-after': '100', 'x-answer': String(answers), 'content-type': 'text/x-busy', 'content-length': body.length })
    response.end(body)
  })
  const attempts: AttemptRecord[] = []
  const { request } = await gateway(t, { targets: targets.map(({ url }) => url) }, {
    before: app => app.addHook('onResponse', async request => { attempts.push(...request.attempts) })
  })

  const start = performance.now()
  const response = await request('/')
  t.equal(await response.body.text(), 'answer 3')
  t.ok(performance.now() - start < 5000)
  t.equal(response.statusCode, 503)
  t.match(response.headers, { 'retry-after': '100', 'x-answer': '3', 'content-type': 'text/x-busy' })
  await until(() => attempts.length > 0)
  t.match(attempts, [{ outcome: 'answered', status: 503 }, { outcome: 'answered', status: 503 }, { outcome: 'answered', status: 503 }])
  t.equal(new Set(attempts.map(({ target }) => target)).size, 3)
})

t.test('a last answer too long to be held back is streamed to the client whole', async t => {
  const body = Buffer.alloc(300_000, 'b')
  const { targets, seen } = await busy(t, 3, response => {
    response.setHeader('content-length', body.length)
    response.end(body)
  })
  const { app, request } = await gateway(t, { name: 'pool', targets: targets.map(({ url }) => url) })
  for (let i = 0; i < 5; i++) {
    const response = await request(`/${i}`)
    t.equal(response.statusCode, 503)
    t.ok(Buffer.from(await response.body.arrayBuffer()).equals(body))
  }
  t.equal(seen.size, 15)
  t.same(app.upstreams['pool']?.targets.map(target => target.inFlight), [0, 0, 0])
})

for (const status of [400, 404, 408, 425, 429, 500, 501, 505, 507]) {
  t.test(`a ${status} is an answer like any other and goes to the client`, async t => {
    const first = await upstream(t, (_request, response) => {
      response.statusCode = status
      response.end()
    })
    const second = await named(t, 'second')
    const { request } = await gateway(t, { policy: 'first', targets: [first.url, second.url] })
    t.equal((await request('/')).statusCode, status)
    t.equal(second.hits(), 0)
  })
}
