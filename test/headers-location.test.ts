import fc from 'fast-check'
import t from 'tap'
import { rewriteLocation } from '../lib/location.js'

interface Row { readonly from: string, readonly to: string, readonly locations: Readonly<Record<string, string>> }

const rows: readonly Row[] = [
  {
    from: '/v2',
    to: '/api',
    locations: {
      '/v2': '/api', '/v2/': '/api/', '/v2/x': '/api/x', '/v2/x/?a=/v2#f': '/api/x/?a=/v2#f', '/v2?a': '/api?a', '/v2#f': '/api#f', '/v2//x': '/api//x', '/v2/v2': '/api/v2'
    }
  },
  { from: '', to: '/api', locations: { '/': '/api/', '/x': '/api/x', '/?a': '/api/?a', '/#f': '/api/#f', '/api/x': '/api/api/x' } },
  { from: '/v2', to: '', locations: { '/v2': '/', '/v2/': '/', '/v2/x': '/x', '/v2?a': '/?a', '/v2#f': '/#f' } },
  { from: '', to: '', locations: { '/': '/', '/x?y#z': '/x?y#z' } },
  { from: '/base/v2', to: '/a/7/b', locations: { '/base/v2/x': '/a/7/b/x', '/base/v2': '/a/7/b' } },
  { from: '/', to: '/api', locations: { '/': '/api', '/x': '/api/x', '/?a': '/api?a' } },
  { from: '/v2/', to: '/api', locations: { '/v2/': '/api', '/v2/x': '/api/x' } }
]

for (const { from, to, locations } of rows) {
  t.test(`what lies below '${from}' upstream lies below '${to}' here`, async t => {
    for (const [location, moved] of Object.entries(locations)) t.equal(rewriteLocation(location, from, to), moved, location)
  })
}

t.test('whatever does not lie below the upstream\'s prefix is left alone', async t => {
  for (const location of [
    // Only the text of the prefix, not its segments.
    '/v2x', '/v2x/y', '/v2-1', '/v', '/V2/x', '/', '/other/v2/x', '/%76%32/x',
    // Relative to the page that it is for.
    'next/page', './v2/x', '../v2/x', 'v2/x', '?a=1', '#f', '',
    // Other hosts, and what a browser takes for one.
    '//other.test/v2/x', '//v2/x', '/\\other.test/v2', 'http://other.test/v2/x', 'https://v2/x', 'mailto:a@b.test', 'javascript:/v2/x'
  ]) {
    t.equal(rewriteLocation(location, '/v2', '/api'), location, location)
  }
  for (const location of ['//other.test/x', '/\\other.test', 'next/page', 'http://other.test/']) t.equal(rewriteLocation(location, '', '/api'), location)
})

t.test('a path that is moved does not become the name of another host', async t => {
  for (const [location, from, to, moved] of [
    ['/v2//evil.test/x', '/v2', '', '/.//evil.test/x'],
    ['/v2/\\evil.test/x', '/v2', '', '/./\\evil.test/x'],
    ['/x', '', '//evil.test', '/.//evil.test/x'],
    ['/v2/x', '/v2', '/\\evil.test', '/./\\evil.test/x']
  ] as const) {
    t.equal(rewriteLocation(location, from, to), moved)
    t.equal(new URL(moved, 'http://gate.test/page').host, 'gate.test')
  }
})

/** Where a browser goes from a page of the gateway; undefined for what it can make nothing of. */
function hostOf (location: string): string | undefined {
  const page = 'http://gate.test/page'
  return URL.canParse(location, page) ? new URL(location, page).host : undefined
}

t.test('a path stays on the host that it was for, and a moved one lies below the gateway\'s prefix', async t => {
  const text = fc.array(fc.constantFrom('/', '//', '\\', 'v2', 'a', '?', '#', '.', ':', '%2f', '@'), { maxLength: 8 }).map(parts => parts.join(''))
  const prefixes = fc.constantFrom('', '/v2', '/a', '/a/b')
  t.doesNotThrow(() => {
    fc.assert(fc.property(text, prefixes, prefixes, (location, from, to) => {
      const moved = rewriteLocation(location, from, to)
      if (hostOf(location) !== hostOf(moved)) return false
      return moved === location || moved.startsWith(to === '' ? '/' : to)
    }), { seed: 1, numRuns: 5000 })
  })
})
