import t from 'tap'
import { named } from '../kit/index.js'
import { both, same } from './kit.js'

/** The first ones go through every prefix. */
const PATHS = ['/', '/x/y?a=1', '/a%2Fb', '/x', '/x/', '/x?a=1&a=2&b', '/x?', '/%C3%A9/%20b', '/a%252Fb', '/x;v=1', '/x?q=%26%3D+%20', '/a...b']

const TABLE = [
  { prefix: '/api' },
  { prefix: '/api/' },
  { prefix: '/api', rewritePrefix: '/v2' },
  { prefix: '/api', rewritePrefix: '/v2/' },
  { prefix: '/api', rewritePrefix: '/' },
  { prefix: '/api', rewritePrefix: '' },
  { prefix: '/api/v1/users', rewritePrefix: '/users' },
  { prefix: '/', rewritePrefix: '/signon/' },
  { rewritePrefix: '/signon' },
  {}
]

t.test('prefix and rewritePrefix', async t => {
  const { url } = await named(t, 'a')
  for (const [i, options] of TABLE.entries()) {
    const apps = await both(t, { upstream: url, ...options })
    const prefix = (options.prefix ?? '').replace(/\/$/, '')
    for (const path of i === 2 ? PATHS : PATHS.slice(0, 3)) await same(t, apps, prefix + path)
  }
})

t.test('params', async t => {
  const { url } = await named(t, 'a')
  for (const [options, paths] of [
    [{ prefix: '/t/:tenant', rewritePrefix: '/tenants/:tenant' }, ['/t/a', '/t/a/x', '/t/a%20b/x?y=1', '/t/%C3%A9/x']],
    [{ prefix: '/rest/:id/endpoint', rewritePrefix: '/:id/endpoint' }, ['/rest/123/endpoint', '/rest/123/endpoint/x']],
    [{ prefix: '/:a/:b', rewritePrefix: '/:b/:a' }, ['/1/2', '/1/2/3?x']],
    [{ prefix: '/api/:id' }, ['/api/1', '/api/1/x']]
  ] as const) {
    const apps = await both(t, { upstream: url, ...options })
    for (const path of paths) {
      const { echo } = await same(t, apps, path)
      t.ok(echo, path)
    }
  }
})

t.test('an upstream with a path', async t => {
  const { url } = await named(t, 'a')
  for (const [options, sent] of [
    [{ prefix: '/api' }, '/base/x'],
    [{ prefix: '/api', rewritePrefix: '' }, '/base/x'],
    [{ prefix: '/api', rewritePrefix: '/base' }, '/base/x'],
    [{ prefix: '/api', rewritePrefix: '/base/v2' }, '/base/v2/x'],
    [{}, '/base/api/x']
  ] as const) {
    const { echo } = await same(t, await both(t, { upstream: `${url}/base${sent === '/base/x' ? '/' : ''}`, ...options }), '/api/x')
    t.equal(echo?.url, sent)
  }
})

t.test('two prefixes, and what is outside of them', async t => {
  const [{ url: a }, { url: b }] = [await named(t, 'a'), await named(t, 'b')]
  const apps = await both(t, [{ upstream: a, prefix: '/a' }, { upstream: b, prefix: '/b', rewritePrefix: '/v2' }])
  t.equal((await same(t, apps, '/a/x')).echo?.name, 'a')
  t.equal((await same(t, apps, '/b/x')).echo?.name, 'b')
  for (const path of ['/', '/c', '/ab', '/apis/x']) t.equal((await same(t, apps, path)).status, 404)
})

t.test('within a prefix of a parent', async t => {
  const { url } = await named(t, 'a')
  const apps = await both(t, { upstream: url, prefix: '/inner', rewritePrefix: '/v2' }, { within: '/outer' })
  t.equal((await same(t, apps, '/outer/inner/x')).echo?.url, '/v2/x')
  t.equal((await same(t, apps, '/inner/x')).status, 404)
})

t.test('a path that climbs out is a 400', async t => {
  const { url, hits } = await named(t, 'a')
  const apps = await both(t, { upstream: url, prefix: '/api', rewritePrefix: '/v2' })
  for (const path of ['/api/../x', '/api/%2e%2e/x', '/api/..%2fx', '/api/x/%2e%2e%5cy']) {
    const [theirs, ours] = [await apps.theirs.ask(path), await apps.ours.ask(path)]
    t.same([theirs.status, ours.status], [400, 400], path)
  }
  t.equal(hits(), 0)
})

t.test('httpMethods', async t => {
  const { url } = await named(t, 'a')
  const all = await both(t, { upstream: url })
  for (const method of ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT', 'OPTIONS'] as const) await same(t, all, '/x', { method })
  t.equal((await same(t, all, '/x', { method: 'TRACE' })).status, 404)
  const some = await both(t, { upstream: url, httpMethods: ['GET', 'POST'] })
  for (const method of ['GET', 'POST', 'PUT'] as const) await same(t, some, '/x', { method })
})

t.test('routes', async t => {
  const { url } = await named(t, 'a')
  const apps = await both(t, { upstream: url, prefix: '/api', routes: ['/users', '/items/*'] })
  for (const path of ['/api/users', '/api/items/1', '/api/', '/api/users/1']) await same(t, apps, path)
})

t.test('preRewrite', async t => {
  const { url } = await named(t, 'a')
  const seen: unknown[] = []
  const apps = await both(t, side => ({
    upstream: url,
    prefix: '/api/:id',
    rewritePrefix: '/v2',
    preRewrite (path: string, params: object, prefix: string) {
      seen.push([side, path, { ...params }, prefix])
      return path.replace('abc', 'xyz')
    }
  }))
  const { echo } = await same(t, apps, '/api/1/abc?q=2')
  t.equal(echo?.url, '/v2/xyz?q=2')
  t.same(seen, ['theirs', 'ours'].map(side => [side, '/api/1/abc?q=2', { id: '1', '*': 'abc' }, '/api/:id']))
})
