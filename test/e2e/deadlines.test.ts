import t from 'tap'
import { gateway, named, until, upstream } from '../kit/index.js'

const DEADLINE = { header: 'X-Request-Timeout' }

t.test('the client\'s time ends a request with a 504, and the target\'s work with it', async t => {
  let closed = 0
  const silent = await upstream(t, (_request, response) => { response.on('close', () => { closed++ }) })
  const { app, request } = await gateway(t, { name: 'pool', targets: [silent.url], deadline: DEADLINE })
  for (const [i, value] of ['200', '200ms', '0.2s', '200m'].entries()) {
    const begun = performance.now()
    const response = await request('/', { headers: { 'x-request-timeout': value } })
    t.equal(response.statusCode, 504)
    t.match(await response.body.json(), { code: 'FST_BALANCER_DEADLINE' })
    t.ok(performance.now() - begun > 195)
    await until(() => closed === i + 1)
  }
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { faults: 0, aborted: 4 } })
})

t.test('the shorter of the client\'s time and timeouts.total counts', async t => {
  const silent = await upstream(t, () => {})
  const { request } = await gateway(t, { targets: [silent.url], deadline: DEADLINE, timeouts: { total: 200 } })
  for (const headers of [{}, { 'x-request-timeout': '60s' }]) {
    const begun = performance.now()
    const response = await request('/', { headers })
    await response.body.dump()
    t.equal(response.statusCode, 504)
    t.ok(performance.now() - begun < 5000)
  }
})

t.test('one that makes no sense is a 400, and one that has passed, or is below the minimum, is refused unsent', async t => {
  const target = await named(t, 'a')
  const { request } = await gateway(t, { targets: [target.url], deadline: { ...DEADLINE, minimum: 50 } })
  for (const [value, status] of [['soon', 400], ['-1', 400], ['1e3', 400], ['0', 504], ['49', 504], ['5000', 200]] as const) {
    const response = await request('/', { headers: { 'x-request-timeout': value } })
    await response.body.dump()
    t.equal(response.statusCode, status, value)
  }
  t.equal(target.hits(), 1)
})

t.test('with send each target is told what is left, in the client\'s notation; without it nothing', async t => {
  for (const send of [true, false]) {
    const seen: Array<string | undefined> = []
    const targets = await Promise.all([503, 200].map(async status => await upstream(t, (request, response) => {
      seen.push(request.headers['x-request-timeout'] as string | undefined)
      setTimeout(() => { response.writeHead(status).end() }, 100)
    })))
    const { request } = await gateway(t, { targets: targets.map(({ url }) => url), policy: 'first', deadline: { ...DEADLINE, send } })
    await (await request('/', { headers: { 'x-request-timeout': '20s' } })).body.dump()
    t.equal(seen.length, 2)
    if (!send) {
      t.same(seen, [undefined, undefined])
      continue
    }
    const [first = 0, second = 0] = seen.map(value => /^[\d.]+s$/.test(value ?? '') ? parseFloat(value ?? '') : NaN)
    t.ok(first <= 20 && first > 10, String(first))
    t.ok(second <= first - 0.095 && second > 5, String(second))
  }
})

t.test('events go on beyond timeouts.total', async t => {
  const events = await upstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    setTimeout(() => { response.end('data: 2\n\n') }, 600)
  })
  const { request } = await gateway(t, { targets: [events.url], timeouts: { total: 300 } })
  t.equal(await (await request('/')).body.text(), 'data: 1\n\ndata: 2\n\n')
})

t.test('an answer that is still coming when the time is over is cut off', async t => {
  const slow = await upstream(t, (_request, response) => { response.write('begun') })
  const { request } = await gateway(t, { targets: [slow.url], timeouts: { total: 300 } })
  const response = await request('/')
  t.equal(response.statusCode, 200)
  await t.rejects(response.body.text())
})
