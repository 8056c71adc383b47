import type { MetricData } from '@opentelemetry/sdk-metrics'
import t from 'tap'
import openTelemetry from '../../lib/opentelemetry/index.js'
import { gateway, named, REFUSING, until } from '../kit/index.js'
import { sdk } from './kit.js'

/** Attributes and value of each point of a metric. */
function points (metrics: readonly MetricData[], name: string): Array<[Record<string, unknown>, unknown]> {
  return metrics.filter(({ descriptor }) => descriptor.name === name).flatMap(({ dataPoints }) => dataPoints.map(({ attributes, value }) => [attributes, value] as [Record<string, unknown>, unknown]))
}

t.test('durations by the conventions, and what only a pool knows', async t => {
  const kit = sdk(t)
  const a = await named(t, 'a')
  const { request, app } = await gateway(t, { name: 'users', prefix: '/api', policy: 'first', breaker: false, targets: [REFUSING, a.url] }, {
    before: async app => { await app.register(openTelemetry) }
  })
  for (let i = 0; i < 3; i++) await (await request('/api/x?token=secret')).body.dump()
  await until(() => kit.spans().length === 9)
  const metrics = await kit.metrics()
  const server = points(metrics, 'http.server.request.duration')
  t.match(server, [[{ 'http.request.method': 'GET', 'url.scheme': 'http', 'http.route': '/api/*', 'http.response.status_code': 200, 'network.protocol.version': '1.1' }, {
    count: 3, buckets: { boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] }
  }]])
  t.equal(metrics.find(({ descriptor }) => descriptor.name === 'http.server.request.duration')?.descriptor.unit, 's')
  t.match(points(metrics, 'http.client.request.duration'), [
    [{ 'server.address': '127.0.0.1', 'server.port': 1, 'error.type': 'ECONNREFUSED' }, { count: 3 }],
    [{ 'server.address': '127.0.0.1', 'server.port': a.port, 'http.response.status_code': 200 }, { count: 3 }]
  ])
  t.same(points(metrics, 'fastify_balancer.requests'), [[{ 'fastify_balancer.pool': 'users', 'fastify_balancer.reason': 'answered_elsewhere' }, 3]])
  t.match(points(metrics, 'fastify_balancer.attempts'), [
    [{ 'fastify_balancer.target': REFUSING, 'fastify_balancer.outcome': 'unsent', 'fastify_balancer.why': 'first' }, 3],
    [{ 'fastify_balancer.target': a.url, 'fastify_balancer.outcome': 'answered', 'fastify_balancer.why': 'retry' }, 3]
  ])
  t.same(points(metrics, 'fastify_balancer.retries'), [[{ 'fastify_balancer.pool': 'users' }, 3]])
  t.same(points(metrics, 'fastify_balancer.in_flight'), [[{ 'fastify_balancer.pool': 'users' }, 0]])
  app.upstreams['users']?.drain(a.url)
  const health = points(await kit.metrics(), 'fastify_balancer.target.health')
  t.same(health.filter(([, value]) => value === 1).map(([attributes]) => [attributes['fastify_balancer.target'], attributes['fastify_balancer.health']]), [[REFUSING, 'up'], [a.url, 'draining']])
  t.notMatch(JSON.stringify(metrics), /secret/)
})
