import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Counter, Registry } from 'prom-client'
import { prometheus, type PrometheusOptions } from '../../lib/prometheus/index.js'
import { FAMILIES } from '../../lib/prometheus/families.js'
import { Histogram } from '../../lib/prometheus/histogram.js'
import { gateway, named, REFUSING, type Gateway } from '../kit/index.js'

async function serving (t: Test, targets: readonly string[], options: PrometheusOptions = {}): Promise<Gateway & { scrape: (accept?: string, path?: string) => Promise<string> }> {
  const made = await gateway(t, { name: 'users', targets, policy: 'first', breaker: false, prefix: '/users' }, { before: app => app.register(prometheus, options) })
  const scrape = async (accept = '*/*', path = '/metrics'): Promise<string> => await (await made.request(path, { headers: { accept } })).body.text()
  return { ...made, scrape }
}

/** Lines of some names, without comments. */
function lines (text: string, pattern: RegExp): string[] {
  return text.split('\n').filter(line => !line.startsWith('#') && pattern.test(line))
}

t.test('what a pool and its targets have done is there, and only that', async t => {
  const target = await named(t, 'a')
  const { request, scrape, app } = await serving(t, [REFUSING, target.url])
  for (let i = 0; i < 3; i++) await (await request('/users/secret-path?token=secret-query', { headers: { authorization: 'secret' } })).body.dump()
  const text = await scrape()
  t.same(lines(text, /^fastify_balancer_(?:requests_total|retries_total|answered_elsewhere_total|target_attempts_total.*(?:answered|unsent)|request_duration_seconds_count|target_duration_seconds_count)/), [
    'fastify_balancer_requests_total{pool="users",code="answered_elsewhere",status="2xx"} 3',
    'fastify_balancer_request_duration_seconds_count{pool="users"} 3',
    'fastify_balancer_retries_total{pool="users"} 3',
    'fastify_balancer_answered_elsewhere_total{pool="users"} 3',
    `fastify_balancer_target_attempts_total{pool="users",target="${REFUSING}",outcome="answered"} 0`,
    `fastify_balancer_target_attempts_total{pool="users",target="${REFUSING}",outcome="unsent"} 3`,
    `fastify_balancer_target_attempts_total{pool="users",target="${target.url}",outcome="answered"} 3`,
    `fastify_balancer_target_attempts_total{pool="users",target="${target.url}",outcome="unsent"} 0`,
    `fastify_balancer_target_duration_seconds_count{pool="users",target="${target.url}"} 3`
  ])
  t.notMatch(text, 'secret')
  t.notMatch(text, 'NaN')

  await app.upstreams['users']?.set([REFUSING])
  t.notMatch(await scrape(), target.url, 'series of a target that has left are gone')
  t.match(lines(await scrape(), /target_health.*up/), [/ 1$/])
})

t.test('both formats, one after the other, as often as they are asked for', async t => {
  const target = await named(t, 'a')
  const register = new Registry()
  const own = new Counter({ name: 'own_total', help: 'The app\'s own.', registers: [register] })
  own.inc(2)
  const { request, scrape } = await serving(t, [target.url], { register })
  await (await request('/users')).body.dump()
  for (let i = 0; i < 2; i++) {
    const text = await scrape()
    t.match(text, /^# TYPE fastify_balancer_requests_total counter\nfastify_balancer_requests_total\{/m)
    t.match(text, /^own_total 2$/m)
    const open = await scrape('application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1')
    t.match(open, /^# TYPE fastify_balancer_requests counter\nfastify_balancer_requests_total\{/m)
    t.match(open, /^# TYPE own counter\nown_total 2$/m)
    t.match(open, /\n# EOF\n$/)
    t.notMatch(open, '_total_total')
  }
  const { headers, body } = await request('/metrics', { headers: { accept: 'application/openmetrics-text;q=0, */*' } })
  t.match(headers['content-type'], 'text/plain')
  await body.dump()
})

t.test('another path, with a hook of the route\'s; another prefix; or no route', async t => {
  const target = await named(t, 'a')
  const guarded = await serving(t, [target.url], { prefix: 'gw_', buckets: [1], route: { url: '/internal', preHandler: async (request, reply) => { if (request.headers['x-key'] !== 'k') await reply.code(401).send('') } } })
  t.equal((await guarded.request('/internal')).statusCode, 401)
  const { body } = await guarded.request('/internal', { headers: { 'x-key': 'k' } })
  t.same(lines(await body.text(), /request_duration_seconds/), [
    'gw_request_duration_seconds_bucket{pool="users",le="1"} 0', 'gw_request_duration_seconds_bucket{pool="users",le="+Inf"} 0',
    'gw_request_duration_seconds_sum{pool="users"} 0', 'gw_request_duration_seconds_count{pool="users"} 0'
  ])
  const register = new Registry()
  const none = await serving(t, [target.url], { register, route: false })
  t.equal((await none.request('/metrics')).statusCode, 404)
  t.match(await register.metrics(), 'fastify_balancer_requests_in_flight{pool="users"} 0')
  await none.app.close()
  t.same(register.getMetricsAsArray(), [], 'a closed app leaves nothing in a registry')
})

t.test('requests that nobody answered are counted by why', async t => {
  const { request, scrape } = await serving(t, [REFUSING])
  await (await request('/users')).body.dump()
  t.match(await scrape(), 'fastify_balancer_requests_total{pool="users",code="unsent",status="5xx"} 1')
})

t.test('options that can not work are refused', async t => {
  for (const [options, message] of [
    [{ buckets: [2, 1] }, 'buckets: [ 2, 1 ], must be numbers > 0, smallest first'],
    [{ prefix: '1-x' }, "prefix: '1-x', must be letters, digits and _, no digit first, or empty"],
    [{ route: 'metrics' }, "route: 'metrics', must be a path that begins with '/', a route with such a url, or false"],
    [{ register: {} }, 'register: {}, must be a Registry of prom-client'],
    [{ regster: 1 }, 'regster: unknown option, allowed are register, prefix, buckets, route']
  ] as const) {
    await t.rejects(async () => { await serving(t, [REFUSING], options as PrometheusOptions) }, { code: 'FST_BALANCER_BAD_OPTION', message })
  }
})

t.test('a registry that is set to OpenMetrics is served as text to those who want that', async t => {
  const register = new Registry() as Registry & { contentType: string }
  register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
  const counter = new Counter({ name: 'orders_total', help: 'With exemplars.', enableExemplars: true, registers: [register] })
  counter.inc({ value: 2, exemplarLabels: { trace_id: 'abc' } } as never)
  const a = await named(t, 'a')
  const { scrape, request } = await serving(t, [a.url], { register })
  await (await request('/users')).body.dump()
  for (let i = 0; i < 2; i++) {
    const text = await scrape()
    t.same(lines(text, /^orders_total/), ['orders_total 2'])
    t.notMatch(text, '# EOF')
    t.match(await scrape('application/openmetrics-text'), /^orders_total 2(?:\.0)? # \{trace_id="abc"\}[^]*# EOF\n$/m)
  }
})

t.test('a registry is for one app, unless names begin in another way', async t => {
  const register = new Registry()
  await serving(t, [REFUSING], { register })
  await t.rejects(serving(t, [REFUSING], { register }), { code: 'FST_BALANCER_BAD_OPTION', message: /^register: has fastify_balancer_requests_total already, .*: give another prefix, or another register$/ })
  await serving(t, [REFUSING], { register, prefix: 'other_' })
})

t.test('a histogram counts each value in the first bucket that holds it', async t => {
  const histogram = new Histogram([1, 2, 4])
  for (const value of [0, 1, 1.5, 2, 3, 100]) histogram.observe(value)
  t.same(histogram.cumulative(), [2, 4, 5, 6])
  t.equal(histogram.sum, 107.5)
})

t.test('the manual, the dashboard and the rules name what there is', async t => {
  const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  const names = FAMILIES.map(({ name }) => name)
  const rows = [...read('prometheus.md').matchAll(/^\| `(\w+)` \| (\w+) \|/gm)]
  t.same(rows.map(([, name, type]) => `${name} ${type}`), FAMILIES.map(({ name, type }) => `${name} ${type}`))
  for (const file of ['prometheus/dashboard.json', 'prometheus/alerts.yaml']) {
    const used = new Set([...read(file).matchAll(/fastify_balancer_(\w+)/g)].map(([, name]) => (name ?? '').replace(/_(?:bucket|sum|count)$/, '')))
    t.ok(used.size > 5, file)
    for (const name of used) t.ok(names.includes(name), `${file}: ${name}`)
  }
  const dashboard = JSON.parse(read('prometheus/dashboard.json')) as { panels: Array<{ id: number }> }
  t.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
})
