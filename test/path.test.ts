import t from 'tap'
import { prefixRewriter, rawUrl } from '../lib/path.js'

interface Row { readonly prefix: string, readonly rewrite: string, readonly paths: Readonly<Record<string, string>> }

const rows: readonly Row[] = [
  {
    prefix: '/api',
    rewrite: '',
    paths: { '/api': '', '/api/': '/', '/api/x': '/x', '/api/x/': '/x/', '/api/api': '/api', '/api/api/x': '/api/x', '/api//x': '//x', '/api/x//': '/x//', '/api/./x': '/./x' }
  },
  {
    prefix: '/api',
    rewrite: '/',
    paths: { '/api': '', '/api/': '/', '/api/x': '/x', '/api/api': '/api' }
  },
  {
    prefix: '/api',
    rewrite: '/v2',
    paths: { '/api': '/v2', '/api/': '/v2/', '/api/x': '/v2/x', '/api/x/': '/v2/x/', '/api/api': '/v2/api', '/api//x': '/v2//x' }
  },
  {
    prefix: '/api/',
    rewrite: '/v2/',
    paths: { '/api/': '/v2/', '/api/x': '/v2/x', '/api/x/': '/v2/x/', '/api/api': '/v2/api' }
  },
  {
    prefix: '/api',
    rewrite: '/api',
    paths: { '/api': '/api', '/api/': '/api/', '/api/api': '/api/api' }
  },
  {
    prefix: '/a/:id/b',
    rewrite: '',
    paths: { '/a/7/b': '', '/a/7/b/': '/', '/a/7/b/x': '/x', '/a/7/b/a/7/b': '/a/7/b' }
  },
  {
    prefix: '/a/:id/b',
    rewrite: '/users/:id',
    paths: { '/a/7/b': '/users/7', '/a/7/b/': '/users/7/', '/a/7/b/x': '/users/7/x', '/a/b/b/x': '/users/b/x', '/a/:id/b/x': '/users/:id/x' }
  },
  {
    prefix: '/',
    rewrite: '',
    paths: { '/': '/', '/x': '/x', '/x/': '/x/', '//x': '//x' }
  },
  {
    prefix: '/',
    rewrite: '/base',
    paths: { '/': '/base/', '/x': '/base/x', '/base': '/base/base', '//x': '/base//x' }
  },
  {
    prefix: '',
    rewrite: '/base',
    paths: { '/': '/base/', '/x': '/base/x' }
  },
  // The router may be told to ignore case or doubled slashes, and decodes what it compares.
  {
    prefix: '/api/v1',
    rewrite: '/v2',
    paths: { '/API/V1/x': '/v2/x', '/%61pi/v1/x': '/v2/x', '//api//v1/x': '/v2/x', '/api/v1//x': '/v2//x' }
  }
]

for (const { prefix, rewrite, paths } of rows) {
  t.test(`below prefix '${prefix}' with rewrite '${rewrite}' every path is sent as it should be`, async t => {
    const rewriter = prefixRewriter(prefix, rewrite)
    for (const [from, to] of Object.entries(paths)) {
      t.equal(rewriter(from, {}).path, to, from)
      const { path, query } = rewriter(`${from}?a=/api/x&b=..`, {})
      t.equal(path, to, `${from} with a query`)
      t.equal(query, '?a=/api/x&b=..')
    }
  })
}

t.test('bytes behind the prefix stay as they are', async t => {
  const rewriter = prefixRewriter('/api', '/v2')
  for (const bytes of [
    '%2F', '%2f', '%252F', '%20', '+', '%41', ';', ';a=b', '|', '[1]', "'", '"', '%E2%9C%93', '%3F', '%23', '%', '%zz', '%00', '~', '*', '@', ':', '$&', '$1',
    '%5C', '%5c', '@scope%2Fname', '{x}', '^', '`', '<>', '.', '%2e', '!$&\'()*+,;='
  ]) {
    t.equal(rewriter(`/api/${bytes}`, {}).path, `/v2/${bytes}`)
    t.equal(rewriter(`/api/a/${bytes}/z`, {}).path, `/v2/a/${bytes}/z`)
  }
})

t.test('a query is never touched', async t => {
  const rewriter = prefixRewriter('/api', '')
  for (const query of [
    '?', '??', '?a?b', '?a=1&a=2', '?a=+%20&b=', '?u=http://host//path', '?a/../b', '?..', '?a=\\', '?#', '?/api', '?%2e%2e', `?${'k=v&'.repeat(2000)}`
  ]) {
    t.strictSame(rewriter(`/api/x${query}`, {}), { path: '/x', query, prefix: '/api', rewrittenPrefix: '' })
    t.strictSame(rewriter(`/api${query}`, {}), { path: '', query, prefix: '/api', rewrittenPrefix: '' })
  }
})

t.test('what parsers disagree about is escaped: backslashes, and a number sign in a path', async t => {
  const rewriter = prefixRewriter('/api', '')
  t.equal(rewriter('/api/a\\b', {}).path, '/a%5Cb')
  t.equal(rewriter('/api/\\\\host/x', {}).path, '/%5C%5Chost/x')
  t.equal(rewriter('/api/a#b#c', {}).path, '/a%23b%23c')
  t.strictSame(rewriter('/api/a#b?c#d', {}), { path: '/a%23b', query: '?c#d', prefix: '/api', rewrittenPrefix: '' })
})

t.test('a number sign in the prefix is refused: the router has seen nothing of what follows', async t => {
  for (const [prefix, path] of [['/api', '/api#/admin'], ['/api', '/api#'], ['/api', '/api#x'], ['/:tenant', '/a#b/admin'], ['/a/:id/b', '/a/1/b#/x']] as const) {
    t.throws(() => prefixRewriter(prefix, '')(path, {}), { code: 'FST_BALANCER_BAD_PATH', statusCode: 400 }, path)
  }
})

t.test('the absolute form counts by its path alone', async t => {
  t.strictSame(rawUrl('http://other.test/api/x?a=/b'), { path: '/api/x', query: '?a=/b' })
  t.strictSame(rawUrl('HTTPS://user@other.test:8443//x'), { path: '//x', query: '' })
  t.strictSame(rawUrl('http://other.test'), { path: '/', query: '' })
  t.strictSame(rawUrl('http://other.test?a'), { path: '/', query: '?a' })
  t.strictSame(rawUrl('http://other.test?/admin'), { path: '/', query: '?/admin' }, 'a slash in the query begins no path')
  t.equal(prefixRewriter('/api', '/v2')('http://other.test/api/x', {}).path, '/v2/x')
})

t.test('what is no path is refused, since the router reads it in a way of its own', async t => {
  for (const url of ['*', 'other.test:80', 'ftp://other.test/x', 'x://other.test/x', 'x/y', 'http:/x', 'http://other.test#/x', '\\x']) {
    t.throws(() => rawUrl(url), { code: 'FST_BALANCER_BAD_PATH', statusCode: 400 }, url)
  }
})

t.test('the prefix is reported as the client spelled it, with what took its place', async t => {
  const { prefix, rewrittenPrefix } = prefixRewriter('/a/:id/b', '/users/:id/')('/A/%37//B/x?q', { id: '7' })
  t.equal(prefix, '/A/%37//B')
  t.equal(rewrittenPrefix, '/users/%37')
})
