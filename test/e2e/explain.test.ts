import { once } from 'node:events'
import t from 'tap'
import WebSocket, { WebSocketServer } from 'ws'
import { explainText, type BalancerOptions, type Explanation, type StepExplanation } from '../../lib/index.js'
import { ALSO_REFUSING, answering, gateway, named, REFUSING, until, upstream } from '../kit/index.js'

const asking = (form = 'json'): { headers: Record<string, string> } => ({ headers: { 'x-balancer-explain': form, authorization: 'Bearer planted-token', cookie: 'a=planted-cookie' } })

function explained (headers: Record<string, string | string[] | undefined>): Explanation {
  return JSON.parse(String(headers['x-balancer-explanation'])) as Explanation
}

/** The steps of an explanation, each in a few words. */
function story ({ steps }: Explanation): string[] {
  return steps.map(words)
}

function words (step: StepExplanation): string {
  switch (step.step) {
    case 'pick': return `pick ${step.picked ?? 'nobody'}`
    case 'attempt': return `${step.why} ${step.target} ${step.outcome ?? 'under way'}`
    case 'decision': return step.decision
    case 'no_hedge': return step.reason
  }
}

t.test('a client that asks and may gets the whole decision, and its field goes no further', async t => {
  const good = await named(t, 'good')
  const { request } = await gateway(t, { policy: 'first', breaker: false, targets: [REFUSING, good.url, ALSO_REFUSING], explain: () => true })
  const { headers, body } = await request('/a?token=planted-query', asking())
  const echo = await body.json() as { headers: object, url: string }
  t.notMatch(Object.keys(echo.headers), ['x-balancer-explain'])
  t.equal(echo.url, '/a?token=planted-query')
  t.same(story(explained(headers)), [`pick ${REFUSING}`, `first ${REFUSING} unsent`, 'move_on', `pick ${good.url}`, `retry ${good.url} answered`, 'pass_on'])
  t.match(explained(headers), {
    pool: 'default',
    policy: 'first',
    method: 'GET',
    path: '/a',
    queued: Number,
    result: { status: 200 },
    steps: [
      { candidates: [{ target: REFUSING, picked: true, score: 1 }, { target: good.url, score: 2 }, { target: ALSO_REFUSING, score: 3 }], because: 'is the first in the order of the configuration' },
      { error: 'ECONNREFUSED', end: Number },
      { after: REFUSING, wait: 0 },
      { candidates: [{ leftOut: 'tried' }, { picked: true }, { leftOut: undefined }] },
      { number: 2, sent: Number, head: Number, end: Number, status: 200 }
    ]
  })
  t.notMatch(String(headers['x-balancer-explanation']), 'planted')
  const text = await request('/a', asking('text'))
  await text.body.dump()
  t.match(text.headers['x-balancer-explanation'], new RegExp(`^GET /a went to the pool default, policy first: it took .* with 2 attempts, answered with 200\\. At .* ${REFUSING} was picked: it is the first`))
})

t.test('nobody else gets it: not who does not ask, not who may not, not when the hook fails', async t => {
  const target = await named(t, 'a')
  const answers: Array<() => unknown> = [() => false, () => 'yes', () => 1, async () => false, () => { throw new Error('no') }, async () => { throw new Error('no') }, () => undefined]
  let asked = 0
  const { request, log } = await gateway(t, {
    targets: [target.url],
    explain: () => {
      asked++
      return answers.shift()?.() as boolean
    }
  }, { before: app => app.addHook('onResponse', async request => { t.equal(request.explanation, undefined) }) })
  while (answers.length > 0) {
    const { headers, statusCode, body } = await request('/', asking())
    await body.dump()
    t.same([statusCode, headers['x-balancer-explanation']], [200, undefined])
  }
  t.equal(asked, 7)
  t.equal(log.filter(({ msg }) => msg === 'explain failed, and nothing is explained').length, 2)
  for (const headers of [{}, { 'x-balancer-explain': 'xml' }]) await (await request('/', { headers })).body.dump()
  t.equal(asked, 7, 'it is asked about those who ask')
})

t.test('without the option, and with true, no answer has it; with true, hooks have it for every request', async t => {
  const target = await named(t, 'a')
  for (const explain of [false, true]) {
    const seen: Array<Explanation | undefined> = []
    const { request } = await gateway(t, { targets: [target.url], explain }, {
      before: app => {
        app.addHook('onRequest', async request => { t.equal(request.explanation, undefined) })
        app.addHook('onResponse', async request => { seen.push(request.explanation) })
      }
    })
    const { headers, body } = await request('/', asking())
    t.notMatch(await body.json(), { headers: { 'x-balancer-explain': String } })
    t.equal(headers['x-balancer-explanation'], undefined)
    await until(() => seen.length === 1)
    if (explain) t.match(seen, [{ pool: 'default', result: { status: 200 } }])
    else t.same(seen, [undefined])
  }
})

t.test('the hook comes after the route\'s own, and may take its time', async t => {
  const target = await named(t, 'a')
  const { request } = await gateway(t, {
    targets: [target.url],
    preHandler: async request => { request.headers['x-user'] = 'operator' },
    explain: async ({ headers, ip }) => {
      await new Promise(resolve => { setImmediate(resolve) })
      return ip === '127.0.0.1' && headers['x-user'] === 'operator'
    }
  })
  const { headers, body } = await request('/', asking())
  await body.dump()
  t.equal(explained(headers).result?.status, 200)
})

t.test('an upstream\'s own explanation is not passed on', async t => {
  const target = await upstream(t, (_request, response) => { response.setHeader('X-Balancer-Explanation', 'http://10.0.0.1').end() })
  const { request } = await gateway(t, { targets: [target.url] })
  const { headers, body } = await request('/', asking())
  await body.dump()
  t.equal(headers['x-balancer-explanation'], undefined)
})

t.test('an error says why there is no answer', async t => {
  const { request, app } = await gateway(t, { policy: 'first', breaker: false, targets: [REFUSING, ALSO_REFUSING], explain: () => true })
  const failed = await request('/', asking())
  t.notMatch(await failed.body.text(), '127.0.0.1', 'the body is for everyone')
  t.same(story(explained(failed.headers)), [`pick ${REFUSING}`, `first ${REFUSING} unsent`, 'move_on', `pick ${ALSO_REFUSING}`, `retry ${ALSO_REFUSING} unsent`, 'no_one_left'])
  t.match(explained(failed.headers), { result: { status: 502, code: 'FST_BALANCER_UNREACHABLE' } })

  for (const url of [REFUSING, ALSO_REFUSING]) app.upstreams['default']?.drain(url)
  const none = await request('/', asking('text'))
  t.equal(none.statusCode, 503)
  await none.body.dump()
  t.match(none.headers['x-balancer-explanation'], new RegExp(`nobody was picked: there is no target left that could take the request\\. Left out: ${REFUSING}, draining; ${ALSO_REFUSING}, draining\\. The client got a 503 \\(FST_BALANCER_NO_TARGET\\)\\.$`))
})

t.test('a POST that was sent is not sent again, and the explanation says why', async t => {
  const reset = await answering(t, '', 'reset')
  const good = await named(t, 'good')
  const { request } = await gateway(t, { policy: 'first', targets: [reset, good.url], explain: () => true })
  const { headers, statusCode, body } = await request('/', { method: 'POST', body: 'x', ...asking() })
  await body.dump()
  t.equal(statusCode, 502)
  t.same(story(explained(headers)), [`pick ${reset}`, `first ${reset} failed`, 'not_idempotent'])
})

t.test('time in the queue, and a request that is turned away', async t => {
  const waiting: Array<() => void> = []
  const target = await upstream(t, (_request, response) => { waiting.push(() => { response.end('x') }) })
  const { request, app } = await gateway(t, { targets: [target.url], explain: () => true, limits: { inFlight: 1, queue: 1, queueTimeout: 0 } })
  const first = request('/')
  await until(() => waiting.length === 1)
  const second = request('/', asking())
  await until(() => app.upstreams['default']?.load.waiting === 1)
  const third = await request('/', asking())
  await third.body.dump()
  t.match(explained(third.headers), { steps: [], queued: undefined, result: { status: 503, code: 'FST_BALANCER_QUEUE_FULL' } })
  await new Promise(resolve => { setTimeout(resolve, 30) })
  waiting.shift()?.()
  await (await first).body.dump()
  await until(() => waiting.length === 1)
  waiting.shift()?.()
  const { headers, body } = await second
  await body.dump()
  t.ok((explained(headers).queued ?? 0) >= 25, String(explained(headers).queued))
})

t.test('hedges', async t => {
  const slow = await upstream(t, () => {})
  const fast = await named(t, 'fast')
  const { request } = await gateway(t, { policy: 'first', targets: [slow.url, fast.url], hedge: { delay: 20 }, explain: () => true })
  const { headers, body } = await request('/', asking())
  await body.dump()
  t.same(story(explained(headers)), [`pick ${slow.url}`, `first ${slow.url} aborted`, `pick ${fast.url}`, `hedge ${fast.url} answered`, 'pass_on'])
  t.match(explained(headers).steps[1], { outrun: true })
})

t.test('a streamed answer is explained as far as it has come', async t => {
  const target = await upstream(t, (_request, response) => { response.write('x', () => { setTimeout(() => { response.end('y') }, 20) }) })
  const seen: Array<Explanation | undefined> = []
  const { request } = await gateway(t, { targets: [target.url], explain: () => true }, { before: app => app.addHook('onResponse', async request => { seen.push(request.explanation) }) })
  const { headers, body } = await request('/', asking())
  t.match(explained(headers), { result: undefined })
  t.match(explained(headers).steps[1], { status: 200, outcome: undefined })
  await body.dump()
  await until(() => seen.length === 1)
  t.match(seen, [{ result: { status: 200 } }])
  t.match(explainText(seen[0] as Explanation), /answered with 200 after/)
})

t.test('WebSockets: with the 101, and with a refusal', async t => {
  const target = await named(t, 'a')
  const server = new WebSocketServer({ server: target.server })
  server.on('connection', socket => { socket.on('message', message => { socket.send(String(message)) }) })
  const { port } = await gateway(t, { policy: 'first', breaker: false, websocket: true, targets: [REFUSING, target.url], explain: () => true } as BalancerOptions)
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, asking())
  const [{ headers }] = await once(client, 'upgrade') as [{ headers: Record<string, string> }]
  t.same(story(explained(headers)), [`pick ${REFUSING}`, `first ${REFUSING} unsent`, 'move_on', `pick ${target.url}`, `retry ${target.url} under way`, 'pass_on'])
  t.match(explained(headers).steps[4], { status: 101 })
  client.terminate()
})
