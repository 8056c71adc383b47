/** Spellings of `/api/admin…`, and how upstreams read what they are sent. */

const FRONTS = ['/api', '//api', '/./api', '/%61pi', '/API', '/x/../api', '/;/api', 'http://evil/api', '/api;x', '/api#']
const BETWEEN = [
  '/', '//', '///', '/./', '/%2e/', '/.;/', '/;/', '/;x=1/', '/#/', '\\', '/\\', '%2f', '/%2f', '/.%2f', '%5c', '/%5c', '/x/../', '/x/%2e%2e/', '/x/..%2f', '/x/..;/',
  '/../api/', '/x%2f..%2f', '/%3b/', '/x;/../', '/%23/', '/%3f/', '/%00/', '/%20/', '/?/', '/%2e%2f/'
]
const NAMES = ['admin', '%61dmin', 'adm%69n', '%61%64%6d%69%6e', '%2561dmin', 'ADMIN', '%41dmin', 'admin.', 'admin..', 'admin%2e', 'admin%20', 'admin%00', 'admin;x', 'admin%3bx', 'admin%09']
const ENDS = ['', '/', '//', '/x', '//x', '\\x', '%2fx', '%5cx', '/./x', ';/x', '/;x', '?x', '#x', '#/x', '/x/..', '/%2e', '/../admin', '%3fx']

/** Every pair of parts at least once, the others being the plain ones. */
export function spellings (): string[] {
  const parts = [FRONTS, BETWEEN, NAMES, ENDS]
  const plain = ['/api', '/', 'admin', '/x']
  const all = new Set<string>()
  for (let a = 0; a < parts.length; a++) {
    for (let b = a + 1; b < parts.length; b++) {
      for (const one of parts[a] ?? []) {
        for (const other of parts[b] ?? []) all.add(plain.map((part, i) => i === a ? one : i === b ? other : part).join(''))
      }
    }
  }
  return [...all]
}

/** What upstreams do with a path besides splitting it into segments, decoding each once, and resolving `..`. */
export interface Reading {
  /** `/admin%2fx` is `/admin/x`. */
  readonly decodesFirst?: boolean
  /** `//admin` is `/admin`. */
  readonly mergesSlashes?: boolean
  /** `/./admin` is `/admin`. */
  readonly dropsDots?: boolean
  /** `/admin;x` is `/admin`. */
  readonly dropsParameters?: boolean
  /** `/\admin` is `//admin`. */
  readonly turnsBackslashes?: boolean
  readonly ignoresCase?: boolean
  /** `/admin.` is `/admin`, as in file names of Windows. */
  readonly trims?: boolean
}

/** Whether an upstream that reads in this way takes a request target for `/admin` or something below it. */
export function readsAsAdmin (target: string, reading: Reading): boolean {
  let path = target.split('?', 1)[0] ?? ''
  if (reading.dropsParameters === true) path = path.replace(/;[^/]*/g, '')
  if (reading.decodesFirst === true) path = decoded(path)
  if (reading.turnsBackslashes === true) path = path.replace(/\\|%5c/gi, '/')
  const segments: string[] = []
  for (const raw of path.split('/').slice(1)) {
    let segment = reading.decodesFirst === true ? raw : decoded(raw)
    if (reading.dropsParameters === true) segment = segment.split(';', 1)[0] ?? ''
    if (segment === '..') segments.pop()
    else if ((segment === '.' && reading.dropsDots === true) || (segment === '' && reading.mergesSlashes === true)) continue
    else segments.push(segment)
  }
  let [first = ''] = segments
  if (reading.trims === true) first = first.replace(/[.\s\0]+$/, '')
  return (reading.ignoresCase === true ? first.toLowerCase() : first) === 'admin'
}

function decoded (text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

/**
 * What the router takes for another path than the guarded one is sent on as another path, in the client's own spelling:
 * the target that the upstream sees, by what an upstream would have to do to take it for the guarded one.
 */
export const OTHER_PATHS: ReadonlyArray<{ readonly does: string, readonly reading: Reading, readonly paths: Readonly<Record<string, string>> }> = [
  {
    does: 'merges slashes',
    reading: { mergesSlashes: true },
    paths: { '/api//admin/x': '//admin/x', '/api///admin': '///admin' }
  },
  {
    does: 'drops segments of one dot',
    reading: { dropsDots: true },
    paths: { '/api/./admin/x': '/./admin/x', '/api/%2e/admin': '/%2e/admin' }
  },
  {
    does: 'drops path parameters, and merges slashes',
    reading: { dropsParameters: true, mergesSlashes: true },
    paths: { '/api/;/admin': '/;/admin', '/api/admin;/x': '/admin;/x', '/api/admin;x': '/admin;x', '/api/admin%3bx': '/admin%3bx' }
  },
  {
    does: 'decodes slashes before it splits, and merges them',
    reading: { decodesFirst: true, mergesSlashes: true },
    paths: { '/api/%2fadmin': '/%2fadmin', '/api/admin%2fx': '/admin%2fx' }
  },
  {
    does: 'takes backslashes for slashes, and merges them',
    reading: { turnsBackslashes: true, mergesSlashes: true },
    paths: { '/api/\\admin': '/%5Cadmin', '/api/admin\\x': '/admin%5Cx', '/api/%5cadmin': '/%5cadmin' }
  },
  {
    does: 'ignores case',
    reading: { ignoresCase: true },
    paths: { '/api/ADMIN': '/ADMIN', '/api/%41dmin/x': '/%41dmin/x' }
  },
  {
    does: 'drops dots, spaces and NULs at the end of a name',
    reading: { trims: true },
    paths: { '/api/admin.': '/admin.', '/api/admin%20/x': '/admin%20/x', '/api/admin%00': '/admin%00' }
  }
]
