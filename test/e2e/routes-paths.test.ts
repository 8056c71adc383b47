import type { FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import type { RouteOptions } from '../../lib/index.js'
import { gateway, named, type Echo } from '../kit/index.js'

/** What the upstream is asked for, for every path that the gateway is asked for; or the status when it is not asked. */
async function assertPaths (
  t: Test, { base = '', ...route }: Partial<RouteOptions> & { base?: string }, table: Record<string, string | number>, fastifyOptions: FastifyServerOptions = {}
): Promise<void> {
  const { url, hits } = await named(t, 'a')
  const { request } = await gateway(t, { targets: [url + base], ...route }, fastifyOptions)
  for (const [path, expected] of Object.entries(table)) {
    const before = hits()
    const { statusCode, body } = await request(path)
    const what = `${path} with prefix '${route.prefix ?? ''}', rewritePrefix '${route.rewritePrefix ?? ''}' and base '${base}'`
    if (typeof expected === 'number') {
      await body.dump()
      t.same([statusCode, hits()], [expected, before], what)
    } else {
      t.equal((await body.json() as Echo).url, expected, what)
    }
  }
}

t.test('what comes after the prefix goes behind the base path', async t => {
  for (const base of ['', '/']) {
    for (const prefix of ['/api', '/api/']) {
      await assertPaths(t, { base, prefix }, { '/api': '/', '/api/': '/', '/api/x': '/x', '/api/x/': '/x/', '/api/api/api': '/api/api', '/api?q': '/?q' })
    }
    await assertPaths(t, { base, prefix: '/a/:id/b' }, { '/a/7/b': '/', '/a/7/b/': '/', '/a/7/b/x': '/x', '/a/b/b/a/b/b': '/a/b/b', '/a/7': 404 })
    await assertPaths(t, { base, prefix: '/' }, { '/': '/', '/x': '/x', '/x/': '/x/', '/api/api': '/api/api', '/?q': '/?q' })
  }
  for (const base of ['/base', '/base/']) {
    for (const prefix of ['/api', '/api/']) {
      await assertPaths(t, { base, prefix }, {
        '/api': '/base', '/api/': '/base/', '/api/x': '/base/x', '/api/x/': '/base/x/', '/api/api/api': '/base/api/api', '/api?q': '/base?q', '/api/base/x': '/base/base/x'
      })
    }
    await assertPaths(t, { base, prefix: '/a/:id/b' }, { '/a/7/b': '/base', '/a/7/b/': '/base/', '/a/7/b/x': '/base/x' })
    await assertPaths(t, { base, prefix: '/' }, { '/': '/base/', '/x': '/base/x', '/x/': '/base/x/', '/?q': '/base/?q' })
  }
})

t.test('a base path of several segments stays whole, with its escapes', async t => {
  await assertPaths(t, { base: '/a/b%20c', prefix: '/b' }, { '/b': '/a/b%20c', '/b/': '/a/b%20c/', '/b/x': '/a/b%20c/x' })
})

t.test('a prefix matches whole segments in their case, and once', async t => {
  await assertPaths(t, { prefix: '/api' }, { '/apifoo': 404, '/apifoo/x': 404, '/ap': 404, '/': 404, '/x/api': 404, '/API/x': 404, '/api/apifoo': '/apifoo', '/api/api': '/api' })
})

t.test('rewritePrefix takes the place of the prefix', async t => {
  await assertPaths(t, { prefix: '/api', rewritePrefix: '/v2' }, { '/api': '/v2', '/api/': '/v2/', '/api/x': '/v2/x', '/api/api/x': '/v2/api/x' })
  await assertPaths(t, { prefix: '/api', rewritePrefix: '/v2/' }, { '/api': '/v2', '/api/': '/v2/', '/api/x': '/v2/x' })
  await assertPaths(t, { prefix: '/api', rewritePrefix: '/v2', base: '/base/' }, { '/api': '/base/v2', '/api/x': '/base/v2/x' })
  await assertPaths(t, { prefix: '/', rewritePrefix: '/v2' }, { '/': '/v2/', '/x': '/v2/x' })
  await assertPaths(t, { prefix: '/api', rewritePrefix: '/' }, { '/api': '/', '/api/x': '/x' })
  await assertPaths(t, { prefix: '/api', rewritePrefix: "/$&/$1/$'" }, { '/api/x': "/$&/$1/$'/x" })
})

t.test('params of the prefix appear in rewritePrefix as the client spelled them', async t => {
  await assertPaths(t, { prefix: '/users/:id/files', rewritePrefix: '/files/of/:id' }, {
    '/users/7/files/x': '/files/of/7/x', '/users/a%20b/files': '/files/of/a%20b', '/users/a%2Fb/files/c': '/files/of/a%2Fb/c', '/users/%24%26/files': '/files/of/%24%26'
  })
  await assertPaths(t, { prefix: '/:a/:b', rewritePrefix: '/:b/:a' }, { '/1/2/3': '/2/1/3' })
  await assertPaths(t, { prefix: '/:a-:b', rewritePrefix: '/:b/:a' }, { '/1-2/3': '/2/1/3', '/1-%C3%A9/3': '/%C3%A9/1/3' })
  await assertPaths(t, { prefix: '/:id(^\\d+$)', rewritePrefix: '/n/:id' }, { '/7/x': '/n/7/x', '/seven/x': 404 })
  await assertPaths(t, { prefix: '/t/:id', rewritePrefix: '/:id' }, { '/t/../x': 400, '/t/%2e%2e/x': 400 })
})

t.test('the rest of the path and the query go on in the bytes that came', async t => {
  const raw = ['%2F', '%252F', '%20', '+', '%41', ';v=1', '|', '[1]', "'", '%E2%9C%93', '%3F', '%23', '%5B', '...', 'a..b', '..a', '!$&()*,=:@', '//x', '/./x']
  await assertPaths(t, { prefix: '/api' }, Object.fromEntries(raw.map(path => [`/api/${path}`, `/${path}`])))
  const queries = ['?', '?a', '?a=1&a=2', '?a=+%20', '?a=', '?u=http://h//p', '??', '?a?b', '?%2e%2e/', '?a=[1]', '?x=../..', `?${'a=1&'.repeat(1500)}`]
  await assertPaths(t, { prefix: '/api' }, Object.fromEntries(queries.map(query => [`/api/x${query}`, `/x${query}`])))
})

t.test("the app's own way of matching paths counts", async t => {
  await assertPaths(t, { prefix: '/api', rewritePrefix: '/v2' }, { '/API/x': '/v2/x', '/Api/X': '/v2/X' }, { routerOptions: { caseSensitive: false } })
  await assertPaths(t, { prefix: '/api', rewritePrefix: '/v2' }, { '//api/x': '/v2/x', '/api//x': '/v2//x' }, { routerOptions: { ignoreDuplicateSlashes: true } })
  await assertPaths(t, { prefix: '/api', rewritePrefix: '/v2' }, { '/api': '/v2', '/api/': '/v2/', '/api/x/': '/v2/x/' }, { routerOptions: { ignoreTrailingSlash: true } })
  await assertPaths(t, { prefix: '/%61pi' }, { '/api/x': 404 })
  await assertPaths(t, { prefix: '/api' }, { '/%61pi/x': '/x' })
})

t.test('routes and prefixTrailingSlash narrow down what is forwarded', async t => {
  await assertPaths(t, { prefix: '/api', routes: ['/a', '/b/*'] }, { '/api/a': '/a', '/api/b/c/d': '/b/c/d', '/api/b': 404, '/api': 404, '/api/c': 404 })
  await assertPaths(t, { prefix: '/api', routes: ['/:id/x'], rewritePrefix: '/v2' }, { '/api/7/x': '/v2/7/x', '/api/7': 404 })
  await assertPaths(t, { prefix: '/api', routes: ['/'], prefixTrailingSlash: 'no-slash' }, { '/api': '/', '/api/': 404 })
  await assertPaths(t, { prefix: '/api', routes: ['/'], prefixTrailingSlash: 'slash' }, { '/api': 404, '/api/': '/' })
})

t.test('preRewrite changes the URL before its prefix is replaced, and sees params and prefix', async t => {
  const seen: unknown[] = []
  await assertPaths(t, {
    prefix: '/t/:id',
    rewritePrefix: '/:id',
    preRewrite: (url, params, prefix) => {
      seen.push([url, { ...params as object }, prefix])
      return url.replace('/old/', '/new/').replace('?q', '?p')
    }
  }, { '/t/7/old/x?q=1': '/7/new/x?p=1', '/t/8/x': '/8/x' })
  t.same(seen, [['/t/7/old/x?q=1', { id: '7', '*': 'old/x' }, '/t/:id'], ['/t/8/x', { id: '8', '*': 'x' }, '/t/:id']])
  await assertPaths(t, { prefix: '/api', preRewrite: url => url.replace('/x', '/../x') }, { '/api/x': 400 })
})
