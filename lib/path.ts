import { AmbiguousPathError, BadPathError } from './errors.js'

/** A request target taken apart, still in the client's bytes: nothing here is ever decoded onto the wire. */
export interface RawUrl {
  readonly path: string
  /** With its `?`, or empty. */
  readonly query: string
}

/** @throws BadPathError for a request target that is no path, such as the `*` of OPTIONS */
export function rawUrl (url: string): RawUrl {
  const start = url.startsWith('/') ? 0 : endOfAuthority(url)
  const at = url.indexOf('?', start)
  const path = at === -1 ? url.slice(start) : url.slice(start, at)
  return { path: path === '' ? '/' : path, query: at === -1 ? '' : url.slice(at) }
}

/** The absolute form names an authority as well (RFC 9112 §3.2.2); the router goes by the path alone, and so does this. */
function endOfAuthority (url: string): number {
  const authority = /^(?:https?:\/\/[^/?#]*)?(?=[/?]|$)/i.exec(url)
  if (authority === null) throw BadPathError()
  return authority[0].length
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
 *
 * @param semicolons whether a path ends at `;` for the router (Fastify's `useSemicolonDelimiter`)
 * @param strict whether paths are refused that servers read in different ways
 */
export function prefixRewriter (prefix: string, rewritePrefix: string, { semicolons = false, strict = false } = {}): PrefixRewriter {
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
    // Between two slashes the router finds an empty param; what is counted here is the segment behind it.
    for (const name of params.keys()) if (decoded[name] === '') throw BadPathError()
    const rest = path.slice(end)
    assertStaysBelow(rest)
    if (strict && AMBIGUOUS.test(rest)) throw AmbiguousPathError()
    const matched = path.slice(0, end)
    // For the router a path ends at `#`, and at `;` if it is told so: behind one would come segments that it has not seen.
    if (matched.includes('#') || (semicolons && (matched.includes(';') || /;.*[/\\]/s.test(rest)))) throw BadPathError()
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

/**
 * What one server takes for a name and another for nothing, or for a separator: empty segments and those of one dot, path
 * parameters, backslashes, escaped separators, NUL, and what Windows leaves out at the end of a name.
 */
const AMBIGUOUS = /\/\/|[\\;]|%(?:2f|5c|3b|00)|(?:\.|%2e|%20|%09)(?:\/|$)/i

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

function assertStaysBelow (path: string): void {
  if (climbs(path)) throw BadPathError()
}

/**
 * Only a whole segment `..` climbs, however it is spelled: with escaped dots, behind an escaped slash or a backslash,
 * or with path parameters (`..;x`). `...`, `..a` and `a..b` are names.
 */
export function climbs (path: string): boolean {
  if (!/(?:\.|%2e){2}/i.test(path)) return false
  return path.replace(/%2e/gi, '.').replace(/%3b/gi, ';').split(/\/|\\|%2f|%5c/i).some(segment => segment.split(';', 1)[0] === '..')
}
