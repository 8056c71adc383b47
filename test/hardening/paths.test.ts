import t, { type Test } from 'tap'
import type { FastifyServerOptions } from 'fastify'
import { gateway } from '../kit/index.js'
import { answeringEach, ok, rawClient, rawServer, values, type RawClient } from '../kit/raw.js'
import { BELOW_PREFIX, BELOW_ROOT, BY_ROUTER, type Paths } from './path-corpus.js'

interface Place { readonly prefix: string, readonly rewritePrefix?: string, readonly base?: string }

/** Asks for every target by itself: the upstream sees exactly what is expected, or nothing at all. */
async function assertPaths (t: Test, { prefix, rewritePrefix = '', base = '' }: Place, paths: Paths, options: FastifyServerOptions = {}): Promise<void> {
  const upstream = await rawServer(t, answeringEach(() => ok()))
  const { port, app, log } = await gateway(t, { name: 'pool', prefix, rewritePrefix, targets: [upstream.url + base] }, options)
  const front = (base + rewritePrefix).replace(/\/$/, '')
  let requests = 0
  let client: RawClient | undefined
  for (const [target, expected] of Object.entries(paths)) {
    client ??= await rawClient(t, port)
    await client.send(`GET ${target} HTTP/1.1\r\nHost: gateway\r\n\r\n`)
    const response = await client.response()
    // What Node can not parse ends the connection, and its answer does not say so.
    if (response?.status === 400) client = undefined
    const [seen, ...more] = upstream.requests().slice(requests)
    requests = upstream.requests().length
    const sent = [response?.status, seen?.target, seen && values(seen.fields, 'host')[0], more.length]
    const path = front + expected
    t.same(sent, typeof expected === 'number'
      ? [expected, undefined, undefined, 0]
      : [200, path.startsWith('/') ? path : `/${path}`, `127.0.0.1:${upstream.port}`, 0], `${JSON.stringify(target)} is ${expected}`)
  }
  t.same(upstream.violations(), [])
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { attempts: requests, answered: requests, faults: 0 } })
  t.same(log.filter(({ level }) => level >= 40), [], 'nothing to warn of')
}

for (const place of [
  { prefix: '/api' },
  { prefix: '/api/' },
  { prefix: '/api', base: '/base' },
  { prefix: '/api', base: '/base/' },
  { prefix: '/api', rewritePrefix: '/v2' },
  { prefix: '/api', rewritePrefix: '/v2/', base: '/b/%20' }
]) {
  t.test(`targets at ${JSON.stringify(place)}`, async t => { await assertPaths(t, place, BELOW_PREFIX) })
}

for (const place of [{ prefix: '/' }, { prefix: '', base: '/base' }, { prefix: '', rewritePrefix: '/v2' }]) {
  t.test(`targets at the root, ${JSON.stringify(place)}`, async t => { await assertPaths(t, place, BELOW_ROOT) })
}

for (const { routerOptions, paths } of BY_ROUTER) {
  t.test(`targets with ${JSON.stringify(routerOptions)}`, async t => {
    await assertPaths(t, { prefix: '/api' }, paths, { routerOptions })
    await assertPaths(t, { prefix: '/api', base: '/base' }, paths, { routerOptions })
  })
}

t.test('a param that is longer than maxParamLength is refused', async t => {
  const long = 'x'.repeat(11)
  await assertPaths(t, { prefix: '/t/:id', rewritePrefix: '/tenant' }, {
    '/t/x/y': '/y', '/t/%78/y': '/y', [`/t/${long}/y`]: 414, [`/t/${long}`]: 414, '/t/../y': '/y'
  }, { routerOptions: { maxParamLength: 10 } })
})

t.test('params of the prefix never carry a climb or a host', async t => {
  const upstream = await rawServer(t, answeringEach(() => ok()))
  const { port } = await gateway(t, { prefix: '/t/:id', rewritePrefix: '/tenants/:id', targets: [`${upstream.url}/base`] })
  const expected: Record<string, string | number> = {
    '/t/../x': 400,
    '/t/%2e%2e/x': 400,
    '/t/..%2fx/y': 400,
    '/t/..;/x': 400,
    '/t/a%2f..%2fb/y': 400,
    '/t/@evil/x': '/base/tenants/@evil/x',
    '/t/a%2fb/x': '/base/tenants/a%2fb/x',
    '/t/%00/x': '/base/tenants/%00/x',
    '/t/a\\b/x': '/base/tenants/a%5Cb/x',
    // The router sees an empty param here, and so do hooks.
    '/t//x': 400,
    '/t//': 400,
    '/t///x/y': 400,
    '/t/x//y': '/base/tenants/x//y',
    '/t/:id/x': '/base/tenants/:id/x'
  }
  for (const [target, path] of Object.entries(expected)) {
    const before = upstream.requests().length
    const client = await rawClient(t, port)
    await client.send(`GET ${target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n`)
    const [response] = await client.responses('GET')
    t.same([response?.status, upstream.requests()[before]?.target], typeof path === 'number' ? [path, undefined] : [200, path], `${target} is ${path}`)
  }
  t.same(upstream.violations(), [])
})
