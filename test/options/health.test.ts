import t from 'tap'
import Fastify from 'fastify'
import balancer, { type HealthOptions } from '../../lib/index.js'
import { pool, refusal, refuses } from './refusal.js'

const at = 'pools.users.health'

function health (options: object): object {
  return pool({ health: { path: '/healthz', ...options } })
}

t.test('an http health check must have a path', async t => {
  await refuses(t, pool({ health: {} }), `${at}.path: missing, must be given unless type is 'tcp' or there is a probe`)
  await refuses(t, pool({ health: { type: 'http' } }), `${at}.path: missing, must be given unless type is 'tcp' or there is a probe`)
  for (const path of ['healthz', '', 'http://a.test/healthz', '/a b', '/a#b', '/ä', '/a\r\nb']) {
    const { message } = await refusal(health({ path }))
    t.ok(message.startsWith(`${at}.path: `) && message.endsWith(", must be a path that begins with '/', in ASCII and without a fragment"), message)
  }
  await refuses(t, health({ path: 5 }), `${at}.path: 5, must be a path that begins with '/', in ASCII and without a fragment`)
})

t.test('an unknown option of a health check is refused', async t => {
  await refuses(t, health({ intervall: 1 }),
    `${at}.intervall: unknown option, allowed are type, path, method, headers, status, body, port, interval, jitter, timeout, rise, fall, initial, probe, verdicts`)
  await refuses(t, pool({ health: true }), `${at}: true, must be an object`)
  await refuses(t, pool({ health: '/healthz' }), `${at}: '/healthz', must be an object`)
})

t.test('an expected status must be one that there is, and a range begin before it ends', async t => {
  const allowed = "must be a status from 100 to 599 or a range such as '200-299'"
  for (const [status, shown] of [
    ['ok', "'ok'"], ['2xx', "'2xx'"], ['200', "'200'"], ['299-200', "'299-200'"], ['200-', "'200-'"], ['200-600', "'200-600'"], [99, '99'], [600, '600'],
    [200.5, '200.5'], [NaN, 'NaN'], [null, 'null'], [{}, '{}'], [true, 'true']
  ]) {
    await refuses(t, health({ status }), `${at}.status: ${String(shown)}, ${allowed}`)
    await refuses(t, health({ status: [200, status] }), `${at}.status: ${String(shown)}, ${allowed}`)
  }
  await refuses(t, health({ status: [] }), `${at}.status: [], must have at least one status`)
})

t.test('times and counts of a health check must be positive and finite', async t => {
  for (const option of ['interval', 'timeout']) {
    await refuses(t, health({ [option]: 0 }), `${at}.${option}: 0, must be > 0`)
    await refuses(t, health({ [option]: -1 }), `${at}.${option}: -1, must be > 0`)
    await refuses(t, health({ [option]: NaN }), `${at}.${option}: NaN, must be a finite number`)
    await refuses(t, health({ [option]: Infinity }), `${at}.${option}: Infinity, must be a finite number`)
    await refuses(t, health({ [option]: '5s' }), `${at}.${option}: '5s', must be a finite number`)
  }
  await refuses(t, health({ interval: 2 ** 31 }), `${at}.interval: 2147483648, must be <= 1073741823`)
  await refuses(t, health({ timeout: 2 ** 31 }), `${at}.timeout: 2147483648, must be <= 2147483647`)
  for (const option of ['rise', 'fall']) {
    await refuses(t, health({ [option]: 0 }), `${at}.${option}: 0, must be >= 1`)
    await refuses(t, health({ [option]: 1.5 }), `${at}.${option}: 1.5, must be an integer`)
  }
  await refuses(t, health({ jitter: 2 }), `${at}.jitter: 2, must be <= 1`)
  await refuses(t, health({ jitter: -1 }), `${at}.jitter: -1, must be >= 0`)
  await refuses(t, health({ port: 0 }), `${at}.port: 0, must be >= 1`)
  await refuses(t, health({ port: 65536 }), `${at}.port: 65536, must be <= 65535`)
})

t.test('what a probe sends and expects must be something that can be sent and found', async t => {
  for (const method of ['get', 'CONNECT', 'GET /', '']) {
    await refuses(t, health({ method }), `${at}.method: '${method}', must be a method in upper case other than CONNECT`)
  }
  await refuses(t, health({ headers: { 'a b': 'x' } }), `${at}.headers['a b']: the name must be letters, digits and hyphens, and not connection, content-length, expect, keep-alive, transfer-encoding or upgrade`)
  await refuses(t, health({ headers: { Expect: '100-continue' } }), `${at}.headers.Expect: the name must be letters, digits and hyphens, and not connection, content-length, expect, keep-alive, transfer-encoding or upgrade`)
  await refuses(t, health({ headers: { authorization: 'hunter2\n' } }), `${at}.headers.authorization: must be a text without line breaks`)
  await refuses(t, health({ headers: { 'x-count': 1 } }), `${at}.headers.x-count: must be a text without line breaks`)
  await refuses(t, health({ body: {} }), `${at}.body: {}, must be a text or a regular expression`)
  await refuses(t, health({ body: 'ok', method: 'HEAD' }), `${at}.body: the answer to HEAD has none, must be left out`)
  await refuses(t, health({ type: 'grpc' }), `${at}.type: 'grpc', must be one of 'http', 'tcp'`)
  await refuses(t, health({ initial: 'unhealthy' }), `${at}.initial: 'unhealthy', must be one of 'up', 'down'`)
})

t.test('options that a probe has no use for are refused', async t => {
  const http = { path: '/', method: 'GET', headers: {}, status: 200, body: 'ok' }
  for (const [option, value] of Object.entries(http)) {
    await refuses(t, pool({ health: { type: 'tcp', [option]: value } }), `${at}.${option}: a tcp probe has none, must be left out`)
    await refuses(t, pool({ health: { probe: async () => {}, [option]: value } }), `${at}.${option}: probe is a function that decides about it, must be left out`)
  }
  await refuses(t, pool({ health: { probe: async () => {}, type: 'tcp' } }), `${at}.type: probe is a function that decides about it, must be left out`)
  await refuses(t, pool({ health: { probe: 'tcp' } }), `${at}.probe: 'tcp', must be a function`)
})

t.test('whatever the manual says is allowed is allowed', async t => {
  const fine: HealthOptions[] = [
    { path: '/' }, { path: '/healthz?full=1', method: 'HEAD', status: 204 }, { path: '/h', status: '200-399' }, { path: '/h', status: [200, '300-399'] },
    { path: '/h', body: 'ok' }, { path: '/h', body: /ok/i }, { path: '/h', headers: { Host: 'a.test', 'x-empty': '' }, port: 9000 },
    { type: 'tcp' }, { type: 'tcp', port: 9000 }, { probe: async () => {} }, { probe: async () => {}, port: 1, timeout: 5 },
    { path: '/h', interval: 0.5, jitter: 0, timeout: 1, rise: 1, fall: 1, initial: 'down' }, { path: '/h', interval: undefined, rise: undefined, status: undefined }
  ]
  const app = Fastify()
  // Not made ready: nothing is to be probed.
  t.teardown(async () => { await app.close() })
  const pools = Object.fromEntries(fine.map((health, i) => [`pool${i}`, { targets: ['http://127.0.0.1:1'], health }]))
  await app.register(balancer, { pools })
  t.equal(Object.keys(app.upstreams).length, fine.length)
})
