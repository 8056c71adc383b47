import type { IncomingMessage } from 'node:http'
import t, { type Test } from 'tap'
import type { HealthOptions } from '../../lib/pool-options.js'
import { upstream } from '../kit/index.js'
import { verdict } from './kit.js'

/** The request that a probe makes of an upstream with this base path. */
async function probeRequest (t: Test, health: HealthOptions, base = ''): Promise<{ request: IncomingMessage, port: number }> {
  let request: IncomingMessage | undefined
  const { url, port } = await upstream(t, (incoming, response) => {
    request = incoming
    response.end()
  })
  t.equal(await verdict(t, url + base, health), 'up')
  if (request === undefined) throw new Error('no probe came')
  return { request, port }
}

/** The values of every line of one field, as they came. */
function lines ({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name)
}

t.test('the probe path stands below the base path, with one slash between them', async t => {
  const table: Array<[string, string, string]> = [
    ['', '/healthz', '/healthz'],
    ['/', '/healthz', '/healthz'],
    ['/base', '/healthz', '/base/healthz'],
    ['/base/', '/healthz', '/base/healthz'],
    ['/base//', '/health/live', '/base/health/live'],
    ['/base', '/', '/base/'],
    ['', '/healthz?deep=1&x=%20', '/healthz?deep=1&x=%20']
  ]
  for (const [base, path, expected] of table) {
    const { request } = await probeRequest(t, { path }, base)
    t.equal(request.url, expected, `${path} below ${base || 'no base path'}`)
  }
})

t.test('a probe is a GET without a body, with the host of its target and a name of its own', async t => {
  const { request, port } = await probeRequest(t, { path: '/healthz' })
  t.equal(request.method, 'GET')
  t.equal(request.httpVersion, '1.1')
  t.same(lines(request, 'host'), [`127.0.0.1:${port}`])
  t.same(lines(request, 'user-agent'), ['fastify-balancer (health check)'])
  t.same(lines(request, 'content-length').concat(lines(request, 'transfer-encoding')), [])
  t.same(lines(request, 'connection'), ['keep-alive'])
})

t.test('method and headers are those of the options', async t => {
  const { request } = await probeRequest(t, { path: '/healthz', method: 'OPTIONS', headers: { Authorization: 'Bearer x', 'X-Probe': 'yes' } })
  t.equal(request.method, 'OPTIONS')
  t.same(lines(request, 'authorization'), ['Bearer x'])
  t.same(lines(request, 'x-probe'), ['yes'])
  t.same(lines(request, 'user-agent'), ['fastify-balancer (health check)'])
})

t.test('a host and a user agent of one\'s own replace the usual ones, in whatever case they are written', async t => {
  for (const [host, agent] of [['host', 'user-agent'], ['Host', 'User-Agent'], ['HOST', 'USER-AGENT']] as const) {
    const { request } = await probeRequest(t, { path: '/', headers: { [host]: 'shop.internal', [agent]: 'watchdog/1' } })
    t.same(lines(request, 'host'), ['shop.internal'], host)
    t.same(lines(request, 'user-agent'), ['watchdog/1'], agent)
  }
})

t.test('an answer to HEAD is well without the body that its length announces', async t => {
  const { url } = await upstream(t, (request, response) => {
    response.writeHead(200, { 'content-length': 5000, 'x-method': request.method })
    response.end()
  })
  t.equal(await verdict(t, url, { path: '/', method: 'HEAD', timeout: 10_000 }), 'up')
})

t.test('with a port of its own the probe goes there, with that port in its host, and leaves the target alone', async t => {
  const target = await upstream(t, (_request, response) => { response.writeHead(500).end() })
  let host: string | undefined
  const sidecar = await upstream(t, (request, response) => {
    host = request.headers.host
    response.end(request.url)
  })
  t.equal(await verdict(t, `${target.url}/base`, { path: '/healthz', port: sidecar.port, body: '/base/healthz' }), 'up')
  t.equal(host, `127.0.0.1:${sidecar.port}`)
  t.equal(target.hits(), 0)
  await sidecar.kill()
  t.match(await verdict(t, target.url, { path: '/healthz', port: sidecar.port }), 'ECONNREFUSED')
  t.equal(target.hits(), 0)
})
