import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import balancer, { type RouteOptions } from '../../lib/index.js'
import { gateway, logged, upstream, type Upstream } from '../kit/index.js'

/** Redirects to whatever `?to=` says. */
async function redirecting (t: Test): Promise<Upstream> {
  return await upstream(t, (request, response) => {
    const to = new URL(request.url ?? '', 'http://a.test').searchParams.get('to') ?? ''
    response.writeHead(302, { location: to })
    response.end()
  })
}

/** What becomes of each Location below the path `at`. */
async function assertMoved (t: Test, options: Partial<RouteOptions> & { base?: string }, at: string, expected: Record<string, string>): Promise<void> {
  const { base = '', ...route } = options
  const { url } = await redirecting(t)
  const { request } = await gateway(t, { targets: [url + base], ...route })
  for (const [location, moved] of Object.entries(expected)) {
    const { headers, body } = await request(`${at}?to=${encodeURIComponent(location.replace('TARGET', url))}`)
    await body.dump()
    t.equal(headers['location'], moved.replace('TARGET', url), `${location} below ${at}`)
  }
}

t.test('a path is moved below the prefix, everything else is left alone', async t => {
  await assertMoved(t, { prefix: '/api' }, '/api/x', {
    '/login': '/api/login',
    '/': '/api/',
    '/login?next=/x#top': '/api/login?next=/x#top',
    '?page=2': '?page=2',
    'next/page': 'next/page',
    '../up': '../up',
    '#top': '#top',
    '//other.test/x': '//other.test/x',
    'https://other.test/x': 'https://other.test/x',
    'mailto:a@b.test': 'mailto:a@b.test'
  })
})

t.test('the prefix takes the place of rewritePrefix, and only as whole segments', async t => {
  await assertMoved(t, { prefix: '/api', rewritePrefix: '/v2' }, '/api/x', {
    '/v2/login': '/api/login', '/v2': '/api', '/v2?x': '/api?x', '/v22/login': '/v22/login', '/login': '/login'
  })
})

t.test("the target's base path goes too", async t => {
  await assertMoved(t, { prefix: '/api', base: '/base/path' }, '/api/x', { '/base/path/login': '/api/login', '/base/path': '/api', '/base/paths': '/base/paths', '/login': '/login' })
  await assertMoved(t, { prefix: '/api', rewritePrefix: '/v2', base: '/base/' }, '/api', { '/base/v2/login': '/api/login', '/v2/login': '/v2/login' })
})

t.test('a prefix with params appears as the client spelled it', async t => {
  await assertMoved(t, { prefix: '/t/:id', rewritePrefix: '/tenants/:id' }, '/t/a%20b/x', { '/tenants/a%20b/login': '/t/a%20b/login', '/tenants/other/login': '/tenants/other/login' })
})

t.test('at the root without a rewrite a path stays what it is', async t => {
  await assertMoved(t, {}, '/x', { '/login': '/login', '/': '/' })
  await assertMoved(t, { base: '/base' }, '/x', { '/base/login': '/login', '/base': '/' })
})

t.test('the address of the target never reaches the client in a Location below its route', async t => {
  await assertMoved(t, { prefix: '/api', rewritePrefix: '/v2', base: '/base' }, '/api/x', {
    'TARGET/base/v2/login?next=1#top': '/api/login?next=1#top',
    'TARGET/base/v2': '/api',
    'TARGET/elsewhere': 'TARGET/elsewhere'
  })
  await assertMoved(t, {}, '/x', { TARGET: '/', 'TARGET/login': '/login', 'TARGET//other.test/x': 'TARGET//other.test/x' })
})

t.test('a Location that leads to another target of the pool becomes a path of the gateway', async t => {
  const other = await redirecting(t)
  const { url } = await redirecting(t)
  const { request } = await gateway(t, { prefix: '/api', policy: 'first', targets: [url, `${other.url}/base`] })
  const { headers, body } = await request(`/api?to=${encodeURIComponent(`${other.url}/base/login`)}`)
  await body.dump()
  t.equal(headers['location'], '/api/login')
})

t.test('internalRewriteLocationHeader: false leaves every Location alone', async t => {
  await assertMoved(t, { prefix: '/api', rewritePrefix: '/v2', internalRewriteLocationHeader: false }, '/api/x', {
    '/v2/login': '/v2/login', '/login': '/login', 'TARGET/v2/login': 'TARGET/v2/login'
  })
})

t.test('the prefixes of parents are part of the prefix', async t => {
  const { url } = await redirecting(t)
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(async scope => {
    await (scope as FastifyInstance).register(balancer, { prefix: '/api', targets: [url] })
  }, { prefix: '/outer' })
  const { headers } = await app.inject('/outer/api/x?to=/login')
  t.equal(headers.location, '/outer/api/login')
})
