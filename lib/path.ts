import { BadPathError } from './errors.js'

/** A request target taken apart, still in the client's bytes: nothing here is ever decoded onto the wire. */
export interface RawUrl {
  readonly path: string
  /** With its `?`, or empty. */
  readonly query: string
}

export function rawUrl (url: string): RawUrl {
  // The absolute form names an authority as well (RFC 9112 §3.2.2); the router went by the path alone, and so does this.
  const start = url.startsWith('/') ? 0 : Math.max(0, url.indexOf('/', url.indexOf('://') + 3))
  const at = url.indexOf('?', start)
  return at === -1 ? { path: url.slice(start), query: '' } : { path: url.slice(start, at), query: url.slice(at) }
}

/** Rewrites paths below one prefix. */
export interface PrefixRewriter {
  /**
   * @param url what the client asked for; the router has matched it
   * @param params what the router made of the prefix's params
   * @throws BadPathError when the path climbs out of the route
   */
  (url: string, params: Readonly<Record<string, string | undefined>>): Rewritten
}

export interface Rewritten extends RawUrl {
  /** The prefix as the client spelled it. */
  readonly prefix: string
  /** What took its place. */
  readonly rewrittenPrefix: string
}

/**
 * Replaces `prefix` at the start of a path by `rewritePrefix`. The prefix is found by counting its segments and not by
 * comparing texts, since the router may have matched another spelling of it (case, escapes, doubled slashes).
 */
export function prefixRewriter (prefix: string, rewritePrefix: string): PrefixRewriter {
  const segments = segmentsOf(prefix)
  const replacement = rewritePrefix.replace(/\/+$/, '')
  const params = new Map<string, number>()
  segments.forEach((segment, i) => {
    const name = /^:([A-Za-z_$][\w$]*)(?:\(.*\))?$/.exec(segment)?.[1]
    if (name !== undefined) params.set(name, i)
  })

  return (url, decoded) => {
    const { path, query } = rawUrl(url)
    const end = endOfSegments(path, segments.length)
    const rest = path.slice(end)
    assertStaysBelow(rest)
    const matched = path.slice(0, end)
    const rewrittenPrefix = replacement.includes(':')
      // The client's own spelling of a param where it is a whole segment; a part of one is escaped anew.
      ? replacement.replace(/:([A-Za-z_$][\w$]*)/g, (text, name: string) => {
        const i = params.get(name)
        return (i === undefined ? encoded(decoded[name]) : segmentsOf(matched)[i]) ?? text
      })
      : replacement
    assertStaysBelow(rewrittenPrefix)
    return { path: escaped(rewrittenPrefix + rest), query, prefix: matched, rewrittenPrefix }
  }
}

function segmentsOf (path: string): string[] {
  return path.split('/').filter(segment => segment !== '')
}

function encoded (value: string | undefined): string | undefined {
  return value === undefined ? undefined : encodeURIComponent(value)
}

/** The index behind the first `count` segments of a path. */
function endOfSegments (path: string, count: number): number {
  let at = 0
  for (let i = 0; i < count; i++) {
    while (path[at] === '/') at++
    const end = path.indexOf('/', at)
    at = end === -1 ? path.length : end
  }
  return at
}

/** Characters that no path may have as they are and that parsers disagree about. */
function escaped (path: string): string {
  return /[\\#]/.test(path) ? path.replaceAll('\\', '%5C').replaceAll('#', '%23') : path
}

/**
 * Only a whole segment `..` climbs, however it is spelled: with escaped dots, behind an escaped slash or a backslash,
 * or with path parameters (`..;x`). `...`, `..a` and `a..b` are names.
 */
function assertStaysBelow (path: string): void {
  if (!/(?:\.|%2e){2}/i.test(path)) return
  const climbs = path.replace(/%2e/gi, '.').split(/\/|\\|%2f|%5c/i).some(segment => segment.split(';', 1)[0] === '..')
  if (climbs) throw BadPathError()
}
