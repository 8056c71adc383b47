import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import type { AttemptRecord } from '../../lib/index.js'
import { ALSO_REFUSING, answering, gateway, named, REFUSING, until, upstream, type LogLine } from '../kit/index.js'

type Seen = Record<string, AttemptRecord[]>

/** Notes down, under the name of each hook, what `request.attempts` holds at that moment. */
function watching (seen: Seen): (app: FastifyInstance) => void {
  const note = (hook: string, { attempts }: FastifyRequest): void => { seen[hook] = attempts.map(attempt => ({ ...attempt })) }
  return app => {
    app.addHook('onRequest', async request => { note('onRequest', request) })
    app.addHook('preHandler', async request => { note('preHandler', request) })
    app.addHook('onSend', async request => { note('onSend', request) })
    app.addHook('onError', async request => { note('onError', request) })
    app.addHook('onResponse', async request => { note('onResponse', request) })
  }
}

t.test('one attempt', async t => {
  const target = await upstream(t, (_request, response) => { setTimeout(() => { response.end('hi') }, 100) })
  const seen: Seen = {}
  const { request } = await gateway(t, { targets: [target.url] }, { before: watching(seen) })
  await (await request('/')).body.dump()
  await until(() => seen['onResponse'] !== undefined)
  t.same([seen['onRequest'], seen['preHandler'], seen['onError']], [[], [], undefined])
  const [attempt, ...more] = seen['onSend'] ?? []
  t.same(more, [])
  t.match(attempt, { target: target.url, outcome: 'answered', status: 200, error: undefined, ms: Number })
  t.ok((attempt?.ms ?? 0) >= 90 && (attempt?.ms ?? 0) < 5000, 'ms is the time to the headers')
  t.same(seen['onResponse'], seen['onSend'])
})

t.test('several attempts, in order', async t => {
  const reset = await answering(t, '', 'reset')
  const busy = await upstream(t, (_request, response) => {
    response.statusCode = 503
    response.end()
  })
  const good = await named(t, 'good')
  const seen: Seen = {}
  const { request } = await gateway(t, { retries: 3, policy: 'first', targets: [REFUSING, reset, busy.url, good.url] }, { before: watching(seen) })
  t.equal((await request('/')).statusCode, 200)
  await until(() => seen['onResponse'] !== undefined)
  for (const hook of ['onSend', 'onResponse']) {
    t.match(seen[hook], [
      { target: REFUSING, outcome: 'unsent', status: undefined, error: { code: 'ECONNREFUSED' }, ms: Number },
      { target: reset, outcome: 'failed', status: undefined, error: { code: 'ECONNRESET' }, ms: Number },
      { target: busy.url, outcome: 'answered', status: 503, error: undefined, ms: Number },
      { target: good.url, outcome: 'answered', status: 200, error: undefined, ms: Number }
    ], hook)
    t.equal(seen[hook]?.length, 4)
  }
})

t.test('attempts that all fail, in the hooks of the error and in its handler', async t => {
  const seen: Seen = {}
  const { request } = await gateway(t, { policy: 'first', targets: [REFUSING, ALSO_REFUSING] }, {
    before: app => {
      watching(seen)(app)
      app.setErrorHandler(async (_error, request, reply) => {
        seen['handler'] = [...request.attempts]
        await reply.code(500).send('sorry')
      })
    }
  })
  t.equal((await request('/')).statusCode, 500)
  await until(() => seen['onResponse'] !== undefined)
  for (const hook of ['onError', 'handler', 'onSend', 'onResponse']) {
    t.match(seen[hook], [{ target: REFUSING, outcome: 'unsent', error: Error }, { target: ALSO_REFUSING, outcome: 'unsent', error: Error }], hook)
    t.equal(seen[hook]?.length, 2)
  }
})

t.test('replyOptions.onError can read them', async t => {
  let outcomes: string[] = []
  const { request } = await gateway(t, {
    targets: [REFUSING],
    replyOptions: {
      onError (reply, { error }) {
        const { request, send } = reply as unknown as { request: FastifyRequest, send: (payload: unknown) => void }
        outcomes = request.attempts.map(({ outcome }) => outcome)
        send.call(reply, error)
      }
    }
  })
  t.equal((await request('/')).statusCode, 502)
  t.same(outcomes, ['unsent'])
})

t.test('a streamed answer is there from its headers on, and is broken when it breaks off', async t => {
  const url = await answering(t, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n', 'end')
  let forwarded: FastifyRequest | undefined
  const seen: Seen = {}
  const { request } = await gateway(t, { targets: [url] }, {
    before: app => {
      watching(seen)(app)
      app.addHook('onRequest', async request => { forwarded = request })
    }
  })
  const response = await request('/')
  await t.rejects(response.body.text())
  t.match(seen['onSend'], [{ target: url, outcome: 'answered', status: 200 }])
  t.match(forwarded?.attempts, [{ target: url, outcome: 'broken', status: 200, error: Error }])
})

t.test('a request whose client left has an aborted attempt', async t => {
  let forwarded: FastifyRequest | undefined
  const hanging = await upstream(t, () => {})
  const { request } = await gateway(t, { targets: [hanging.url] }, { before: app => app.addHook('onRequest', async request => { forwarded = request }) })
  const gone = new AbortController()
  const answer = request('/', { signal: gone.signal })
  await until(() => hanging.hits() === 1)
  t.same(forwarded?.attempts, [])
  gone.abort()
  await t.rejects(answer)
  await until(() => forwarded?.attempts.length === 1)
  t.match(forwarded?.attempts, [{ target: hanging.url, outcome: 'aborted', error: Error }])
})

t.test('other routes have none, and nothing can be added to them', async t => {
  const target = await named(t, 'a')
  const lists: Array<readonly AttemptRecord[]> = []
  const { request } = await gateway(t, { prefix: '/forwarded', targets: [target.url] }, {
    before: app => app.get('/own', async ({ attempts }) => {
      lists.push(attempts)
      return attempts
    })
  })
  await (await request('/forwarded')).body.dump()
  t.same(await (await request('/own')).body.json(), [])
  t.ok(Object.isFrozen(lists[0]))
  t.throws(() => (lists[0] as AttemptRecord[]).push({ target: '', outcome: 'answered', why: 'first', startedAt: 0, ms: 0 }), TypeError)
})

t.test('requests do not see each other\'s attempts', async t => {
  const target = await named(t, 'a')
  const lengths: number[] = []
  const { request } = await gateway(t, { policy: 'first', breaker: false, targets: [REFUSING, target.url] }, {
    before: app => app.addHook('onResponse', async ({ attempts }) => { lengths.push(attempts.length) })
  })
  await Promise.all(Array.from({ length: 50 }, async () => await (await request('/')).body.dump()))
  await until(() => lengths.length === 50)
  t.same(new Set(lengths), new Set([2]))
})

t.test('a serializer of the response puts them into the access log', async t => {
  const lines: LogLine[] = []
  const target = await named(t, 'a')
  const { request } = await gateway(t, { policy: 'first', breaker: false, targets: [REFUSING, target.url] }, {
    logger: {
      level: 'info',
      stream: { write: (line: string) => { lines.push(JSON.parse(line) as LogLine) } },
      serializers: {
        res: reply => ({ statusCode: reply.statusCode, attempts: (reply as { request?: FastifyRequest }).request?.attempts })
      }
    },
    before: app => app.get('/own', async () => 'own')
  })
  await (await request('/forwarded')).body.dump()
  await (await request('/own')).body.dump()
  const completed = (): LogLine[] => lines.filter(({ msg }) => msg === 'request completed')
  await until(() => completed().length === 2)
  t.match(completed(), [
    {
      res: {
        statusCode: 200,
        attempts: [{ target: REFUSING, outcome: 'unsent', error: { code: 'ECONNREFUSED' }, ms: Number }, { target: target.url, outcome: 'answered', status: 200, ms: Number }]
      }
    },
    { res: { statusCode: 200, attempts: [] } }
  ])
})
