import { once } from 'node:events'
import { connect } from 'node:net'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import type { BalancerOptions } from '../../lib/index.js'
import openTelemetry, { type OpenTelemetryOptions } from '../../lib/opentelemetry/index.js'
import { gateway, named, REFUSING, until, upstream, type Echo, type Gateway } from '../kit/index.js'
import { sdk, type Sdk } from './kit.js'

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

async function traced (t: Test, options: BalancerOptions, before?: (app: FastifyInstance) => unknown, own: OpenTelemetryOptions = {}): Promise<Sdk & Gateway> {
  const kit = sdk(t)
  const gate = await gateway(t, options, {
    before: async app => {
      await app.register(openTelemetry, own)
      await before?.(app)
    }
  })
  return { ...kit, ...gate }
}

const byKind = (spans: readonly ReadableSpan[], kind: SpanKind): ReadableSpan[] => spans.filter(span => span.kind === kind)
const parentOf = (span: ReadableSpan | undefined): string | undefined => span?.parentSpanContext?.spanId

t.test('a request is a server span and its attempt a client span below it, and the target is told of that', async t => {
  const a = await named(t, 'a')
  const { request, spans, port } = await traced(t, { prefix: '/api', name: 'users', targets: [`${a.url}/base`] })
  const answer = await request('/api/x?token=secret', { headers: { traceparent: PARENT, tracestate: 'vendor=1', baggage: 'user=ada', 'user-agent': 'test' } })
  const { headers } = await answer.body.json() as Echo
  await until(() => spans().length === 2)
  const [client, server] = spans()
  t.match(server, {
    name: 'GET /api/*',
    kind: SpanKind.SERVER,
    status: { code: SpanStatusCode.UNSET },
    attributes: {
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'url.path': '/api/x',
      'http.route': '/api/*',
      'server.address': '127.0.0.1',
      'server.port': port,
      'client.address': '127.0.0.1',
      'network.protocol.version': '1.1',
      'user_agent.original': 'test',
      'http.response.status_code': 200,
      'fastify_balancer.pool': 'users',
      'fastify_balancer.reason': 'answered',
      'fastify_balancer.attempts': 1
    }
  })
  t.match(client, {
    name: 'GET',
    kind: SpanKind.CLIENT,
    status: { code: SpanStatusCode.UNSET },
    attributes: {
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'url.full': `${a.url}/base/x`,
      'server.address': '127.0.0.1',
      'server.port': a.port,
      'http.response.status_code': 200,
      'fastify_balancer.pool': 'users',
      'fastify_balancer.target': `${a.url}/base`,
      'fastify_balancer.why': 'first',
      'fastify_balancer.outcome': 'answered'
    }
  })
  t.notOk('http.request.resend_count' in (client?.attributes ?? {}))
  t.same(parentOf(server), 'b7ad6b7169203331')
  t.same(parentOf(client), server?.spanContext().spanId)
  t.equal(headers['traceparent'], `00-0af7651916cd43dd8448eb211c80319c-${client?.spanContext().spanId}-01`)
  t.equal(headers['tracestate'], 'vendor=1')
  t.equal(headers['baggage'], 'user=ada')
  t.notMatch(JSON.stringify(spans().map(({ name, attributes }) => [name, attributes])), /secret/)
})

t.test('failover: two siblings, the second one says that it is a retry', async t => {
  const a = await named(t, 'a')
  const { request, spans } = await traced(t, { policy: 'first', targets: [REFUSING, a.url] })
  const { headers } = await (await request('/', { method: 'POST', body: 'x' })).body.json() as Echo
  await until(() => spans().length === 3)
  const [first, second, server] = spans()
  t.match(first, { name: 'POST', status: { code: SpanStatusCode.ERROR }, attributes: { 'error.type': 'ECONNREFUSED', 'fastify_balancer.outcome': 'unsent' } })
  t.match(second, { status: { code: SpanStatusCode.UNSET }, attributes: { 'http.request.resend_count': 1, 'fastify_balancer.why': 'retry' } })
  t.match(server, { status: { code: SpanStatusCode.UNSET }, attributes: { 'http.response.status_code': 200, 'fastify_balancer.reason': 'answered_elsewhere' } })
  t.same([parentOf(first), parentOf(second)], [server?.spanContext().spanId, server?.spanContext().spanId])
  t.match(headers['traceparent'], new RegExp(`-${second?.spanContext().spanId}-01$`))
})

t.test('a hedge is a sibling as well, and the one that was outrun is no error', async t => {
  const slow = await upstream(t, () => {})
  const a = await named(t, 'a')
  const { request, spans } = await traced(t, { policy: 'first', targets: [slow.url, a.url], hedge: { delay: 20 } })
  await (await request('/')).body.dump()
  await until(() => spans().length === 3)
  const [outrun, hedge, server] = [...byKind(spans(), SpanKind.CLIENT).sort((x, y) => Number(x.attributes['http.request.resend_count'] ?? 0) - Number(y.attributes['http.request.resend_count'] ?? 0)), ...byKind(spans(), SpanKind.SERVER)]
  t.match(outrun, { status: { code: SpanStatusCode.UNSET }, attributes: { 'fastify_balancer.outcome': 'aborted', 'fastify_balancer.why': 'first' } })
  t.match(hedge, { attributes: { 'fastify_balancer.why': 'hedge', 'fastify_balancer.outcome': 'answered', 'http.request.resend_count': 1 } })
  t.same([parentOf(outrun), parentOf(hedge)], [server?.spanContext().spanId, server?.spanContext().spanId])
})

t.test('errors: 404 is one of the client\'s side, 500 of both, and the gateway\'s own have their code', async t => {
  const sick = await upstream(t, (request, response) => { response.writeHead(request.url === '/404' ? 404 : 500).end() })
  const { request, spans, app } = await traced(t, {
    pools: { sick: { targets: [sick.url], breaker: false }, gone: { targets: [REFUSING] } }, routes: [{ prefix: '/sick', pool: 'sick' }, { prefix: '/gone', pool: 'gone' }]
  })
  t.ok(app)
  for (const [path, server, client] of [
    ['/sick/404', [0, undefined], [2, '404']], ['/sick/500', [2, '500'], [2, '500']], ['/gone', [2, 'unsent'], [2, 'ECONNREFUSED']]
  ] as const) {
    const before = spans().length
    await (await request(path)).body.dump()
    await until(() => spans().length === before + 2)
    const latest = spans().slice(before)
    for (const [kind, expected] of [[SpanKind.SERVER, server], [SpanKind.CLIENT, client]] as const) {
      const [span] = byKind(latest, kind)
      t.same([span?.status.code, span?.attributes['error.type']], expected, `${path} ${kind}`)
    }
  }
})

t.test('what is not forwarded has a server span too, also where there is no route', async t => {
  const { request, spans } = await traced(t, { prefix: '/api', targets: [REFUSING] }, app => { app.get('/own/:id', async () => 'own') })
  await (await request('/own/1')).body.dump()
  await (await request('/nowhere')).body.dump()
  await until(() => spans().length === 2)
  t.same(spans().map(({ name }) => name), ['GET /own/:id', 'GET'])
})

t.test('requests that a handler makes of a pool are children of its request, after the body was read too', async t => {
  const a = await named(t, 'a')
  const { request, spans } = await traced(t, { name: 'users', prefix: '/api', targets: [a.url] }, app => {
    app.post('/own', async () => await (await app.upstreams['users']?.request({ method: 'GET', path: '/' }))?.body.json())
  })
  await (await request('/own', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ x: 'y'.repeat(100_000) }) })).body.dump()
  await until(() => spans().length === 2)
  const [client, server] = spans()
  t.same([client?.kind, server?.kind], [SpanKind.CLIENT, SpanKind.SERVER])
  t.equal(parentOf(client), server?.spanContext().spanId)
})

t.test('a server span that the app has already is the parent, and none is made beside it', async t => {
  const a = await named(t, 'a')
  const kit = sdk(t)
  const tracer = trace.getTracer('theirs')
  const gate = await gateway(t, { targets: [a.url] }, {
    before: async app => {
      app.addHook('onRequest', (_request, reply, done) => {
        const span = tracer.startSpan('theirs', { kind: SpanKind.SERVER })
        reply.raw.once('close', () => { span.end() })
        context.with(trace.setSpan(context.active(), span), done)
      })
      await app.register(openTelemetry)
    }
  })
  await (await gate.request('/')).body.dump()
  await until(() => kit.spans().length === 2)
  const [client, theirs] = kit.spans()
  t.equal(theirs?.name, 'theirs')
  t.equal(parentOf(client), theirs?.spanContext().spanId)
  t.match(theirs?.attributes, { 'fastify_balancer.reason': 'answered' })
  t.notOk((await kit.metrics()).some(({ descriptor, dataPoints }) => descriptor.name === 'http.server.request.duration' && dataPoints.length > 0))
})

t.test('the context that @fastify/otel has for a request is the parent', async t => {
  const a = await named(t, 'a')
  const kit = sdk(t)
  const span = trace.getTracer('theirs').startSpan('theirs', { kind: SpanKind.SERVER })
  const { request } = await gateway(t, { targets: [a.url] }, {
    before: async app => {
      app.decorateRequest('opentelemetry', () => ({ context: trace.setSpan(context.active(), span) }))
      await app.register(openTelemetry)
    }
  })
  await (await request('/')).body.dump()
  await until(() => kit.spans().length === 1)
  t.match(kit.spans(), [{ kind: SpanKind.CLIENT, parentSpanContext: { spanId: span.spanContext().spanId } }])
  span.end()
})

t.test('spans of a stream end with it, not with its headers', async t => {
  let end: (() => void) | undefined
  const events = await upstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    end = () => { response.end() }
  })
  const { request, spans, open } = await traced(t, { targets: [events.url] })
  const { body } = await request('/')
  body.resume()
  await once(body, 'data')
  t.same([spans().length, open()], [0, 2])
  end?.()
  await until(() => spans().length === 2)
})

t.test('spans of a WebSocket end when it is closed', async t => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const { port: target } = server.address() as { port: number }
  const { url, spans, open } = await traced(t, { prefix: '/chat', websocket: true, targets: [`http://127.0.0.1:${target}`] })
  const socket = new WebSocket(`${url.replace('http', 'ws')}/chat`)
  await once(socket, 'open')
  t.same([spans().length, open()], [0, 2])
  socket.close()
  await until(() => spans().length === 2)
  t.same(spans().map(({ attributes }) => attributes['http.response.status_code']), [101, 101])
})

t.test('no span is left open after 1,000 clients have left, before and during the answer', async t => {
  const a = await upstream(t, (request, response) => { if (request.url === '/half') response.writeHead(200, { 'content-length': 100_000 }).write('half') })
  const { port, spans, open, tracer } = await traced(t, { targets: [a.url], limits: { inFlight: 0 } })
  t.ok(tracer)
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 50 }, async (_, i) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      const half = i % 2 === 0
      socket.write(`GET /${half ? 'half' : 'none'} HTTP/1.1\r\nHost: x\r\n\r\n`)
      if (half) await once(socket, 'data')
      else await until(() => a.hits() > round * 50, 30_000)
      socket.destroy()
    }))
    await until(() => open() === 0, 30_000)
  }
  t.equal(byKind(spans(), SpanKind.SERVER).length, 1000)
  t.ok(byKind(spans(), SpanKind.SERVER).every(({ attributes, status }) => attributes['error.type'] === 'client_gone' && status.code === SpanStatusCode.UNSET))
  t.ok(byKind(spans(), SpanKind.CLIENT).every(({ attributes }) => attributes['fastify_balancer.outcome'] === 'aborted'))
})

t.test('without an SDK everything goes on, and the client\'s context goes through', async t => {
  const a = await named(t, 'a')
  const { request } = await gateway(t, { targets: [a.url] }, { before: async app => { await app.register(openTelemetry) } })
  const { headers } = await (await request('/', { headers: { traceparent: PARENT, tracestate: 'v=1' } })).body.json() as Echo
  t.match(headers, { traceparent: PARENT, tracestate: 'v=1' })
})

t.test('an SDK that comes when requests have been served already is used from then on', async t => {
  const a = await named(t, 'a')
  const { request } = await gateway(t, { targets: [a.url] }, { before: async app => { await app.register(openTelemetry) } })
  t.equal((await request('/')).statusCode, 200)
  const { spans } = sdk(t)
  t.equal((await request('/')).statusCode, 200)
  await until(() => spans().length === 2)
  t.same(spans().map(({ kind }) => kind).sort(), [SpanKind.SERVER, SpanKind.CLIENT].sort())
})

t.test('tracer: false makes no spans, meter: false no metrics, and what is neither is refused', async t => {
  const a = await named(t, 'a')
  const { request, spans, metrics } = await traced(t, { targets: [a.url] }, undefined, { tracer: false, meter: false })
  const { headers } = await (await request('/', { headers: { traceparent: PARENT } })).body.json() as Echo
  t.equal(headers['traceparent'], PARENT)
  t.same([spans(), await metrics()], [[], []])
  const twice = gateway(t, { targets: [a.url] }, { before: async app => { await app.register(openTelemetry).register(openTelemetry) } })
  await t.rejects(twice, { code: 'FST_BALANCER_BAD_OPTION', message: /is registered already/ })
  const misspelt = gateway(t, { targets: [a.url] }, { before: async app => { await app.register(openTelemetry, { trcer: false } as never) } })
  await t.rejects(misspelt, { code: 'FST_BALANCER_BAD_OPTION', message: 'trcer: unknown option, allowed are tracer, meter' })
  const bad = gateway(t, { targets: [a.url] }, { before: async app => { await app.register(openTelemetry, { tracer: {} as never }) } })
  await t.rejects(bad, { code: 'FST_BALANCER_BAD_OPTION', message: 'tracer: {}, must be a tracer of @opentelemetry/api, or false' })
})
