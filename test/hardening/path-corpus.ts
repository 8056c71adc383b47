/** What a request target comes to: what follows the base and the rewritten prefix at the upstream, or the status of a refusal. */
export type Paths = Record<string, string | 400 | 404 | 414>

/** For a route at `/api`. */
export const BELOW_PREFIX: Paths = {
  // Climbs, spelled in every way.
  '/api/..': 400,
  '/api/../x': 400,
  '/api/../../etc/passwd': 400,
  '/api/%2e%2e/x': 400,
  '/api/.%2e/x': 400,
  '/api/%2E./x': 400,
  '/api/%2E%2e/x': 400,
  '/api/..%2fx': 400,
  '/api/x/..%2F..%2Fx': 400,
  '/api/..%5cx': 400,
  '/api/\\..\\x': 400,
  '/api/x\\..\\..\\x': 400,
  '/api/..;/x': 400,
  '/api/..;x=1/x': 400,
  '/api/..%3bx=1/x': 400,
  '/api/..?/x': 400,
  '/api/a/b/c/../../../../x': 400,
  // Not climbs.
  '/api/%252e%252e/x': '/%252e%252e/x',
  '/api/%252e%252e%252fx': '/%252e%252e%252fx',
  '/api/...': '/...',
  '/api/..a/b..': '/..a/b..',
  '/api/..%00/x': '/..%00/x',
  '/api/..#/x': '/..%23/x',
  '/api/?/../x': '/?/../x',
  '/api/x?u=../../y': '/x?u=../../y',
  // Other places that begin like the prefix.
  '/apifoo': 404,
  '/apifoo/x': 404,
  '/api.': 404,
  '/api@evil': 404,
  '/api:80/x': 404,
  '/api%2fadmin': 404,
  '/api%5cadmin': 404,
  '/api\\admin': 404,
  '/api\\..\\x': 404,
  '/api;x': 404,
  '/api;/x': 404,
  '/api%23/../x': 404,
  '/api%3f/x': 404,
  '/API/admin': 404,
  '/x/../api/y': 404,
  '/./api/x': 404,
  // Names of hosts.
  '//evil/x': 404,
  '//evil/api/x': 404,
  '//api/x': 404,
  '/\\evil': 404,
  '///': 404,
  '@evil': 400,
  '/api/@evil': '/@evil',
  '/api//evil/x': '//evil/x',
  '/api/\\\\evil/x': '/%5C%5Cevil/x',
  '/api/http://evil/x': '/http://evil/x',
  'http://evil/api/x': '/x',
  'https://evil/api/x': '/x',
  'HTTP://evil/api/x': '/x',
  'http://evil@127.0.0.1/api': '',
  'http://evil:99/api?x': '?x',
  'http://evil/api/../x': 400,
  'http://evil/x': 404,
  'http://evil': 404,
  'http://evil?/api/x': 404,
  'http:///api': 400,
  'http:/api': 400,
  'http://evil:99999/api': 400,
  'http://[::1/api': 400,
  'ftp://evil/api': 404,
  // Bytes.
  '/api/%00': '/%00',
  '/api/%0d%0aX:1': '/%0d%0aX:1',
  '/api?a=%0d%0aX:1': '?a=%0d%0aX:1',
  '/api/%c0%ae%c0%ae/x': 400,
  '/api/%c0%af': 400,
  '/api/%e2%28': 400,
  '/api/%': 400,
  '/api/%zz': 400,
  '/api/%2': 400,
  '/api/\xe9': 400,
  '/api/\x7f': 400,
  '/api/%23': '/%23',
  '/api/%3fx': '/%3fx',
  '/api/a#b': '/a%23b',
  '/api/a#?b': '/a%23?b',
  '/api#': 400,
  '/api#/x': 400,
  '/api/a|b"<>^`{}': '/a|b"<>^`{}',
  // Question marks and semicolons.
  '?': 400,
  '/api?': '?',
  '/api/?': '/?',
  '/api??': '??',
  '/api/a?b?c': '/a?b?c',
  '/api/a?b#c': '/a?b#c',
  '/api?#': '?#',
  '/api/a?b\\c': '/a?b\\c',
  '/api/a;b': '/a;b',
  '/api/a;b=1/c;d=2': '/a;b=1/c;d=2',
  // Spellings of the same route.
  '/api': '',
  '/api/': '/',
  '/api//': '//',
  '/api//x': '//x',
  '/%61pi/x': '/x',
  '/%61%70%69': '',
  '/api/%61dmin': '/%61dmin'
}

/** For a route at the root. */
export const BELOW_ROOT: Paths = {
  '/': '/',
  '/x': '/x',
  '//evil/x': '//evil/x',
  '///': '///',
  '/\\evil': '/%5Cevil',
  '/@evil': '/@evil',
  '@evil': 400,
  '*': 400,
  '/..': 400,
  '/../x': 400,
  '//../x': 400,
  '/\\..\\x': 400,
  '/x\\..\\x': 400,
  '/%2e%2e%2fx': 400,
  'http://evil': '/',
  'http://evil?/api': '/?/api',
  'http://evil//x': '//x',
  'http://evil/..': 400,
  'ftp://evil/x': 400,
  '/http://evil': '/http://evil',
  '/%00': '/%00',
  '/#': '/%23',
  '?x': 400
}

/** For a route at `/api`, by an option of the router. */
export const BY_ROUTER: ReadonlyArray<{ readonly routerOptions: Record<string, unknown>, readonly paths: Paths }> = [
  {
    routerOptions: { caseSensitive: false },
    paths: { '/API/admin': '/admin', '/Api/ADMIN': '/ADMIN', '/%41PI/x': '/x', '/API/../x': 400, '/APIfoo': 404, 'http://evil/API/x': '/x', '/API%2fadmin': 404 }
  },
  {
    routerOptions: { ignoreTrailingSlash: true },
    paths: { '/api': '', '/api/': '/', '/api/x/': '/x/', '/api//': '//', '/api/../': 400, '/apifoo/': 404, '/api?/': '?/' }
  },
  {
    routerOptions: { ignoreDuplicateSlashes: true },
    paths: {
      '//api/x': '/x', '/api//x': '//x', '///api///x': '///x', '//evil//api/x': 404, '/api//..//x': 400, '//evil/x': 404, '//..//api/x': 404, '/api/x//..': 400
    }
  },
  {
    routerOptions: { useSemicolonDelimiter: true },
    paths: {
      '/api/a;b': '/a;b',
      '/api/a;b?c': '/a;b?c',
      '/api/a?b;c/d': '/a?b;c/d',
      '/api;x': 400,
      '/api;/x': 400,
      '/api;/../x': 400,
      '/api/..;x': 400,
      '/api/;..': '/;..',
      // Segments that the router has not seen.
      '/api/;/admin': 400,
      '/api/a;/admin': 400,
      '/api/a;b\\admin': 400,
      '/api/a;b;c/': 400,
      '/api/a%3bb/c': '/a%3bb/c'
    }
  },
  {
    routerOptions: { maxParamLength: 10 },
    paths: { '/api/short': '/short', [`/api/${'x'.repeat(500)}`]: `/${'x'.repeat(500)}`, [`/api/${'../'.repeat(100)}`]: 400 }
  }
]
