/** Pure functions that bring what an upstream says of its own paths into the gateway's. */

/** How the paths of an upstream correspond to those of the gateway, for one request. */
export interface PathMap {
  /** URL of the target that answered. */
  readonly target: string
  /** URLs of every target that a `Location` may lead to; only asked for when one names a host. */
  readonly targets: () => readonly string[]
  /** What a path has behind a target's base path. */
  readonly from: string
  /** What takes the place of both: the route's prefix as the client spelled it. */
  readonly to: string
}

/**
 * A `Location` moved into the gateway's paths, when it leads below `from` on one of the targets; anything else as it is.
 * The address of a target is of no use to a client, so what was a URL becomes a path.
 */
export function movedLocation (location: string, { target, targets, from, to }: PathMap): string {
  if (!/^https?:\/\//i.test(location)) return rewriteLocation(location, basePath(target) + from, to)
  if (!URL.canParse(location)) return location
  const { origin, pathname, search, hash } = new URL(location)
  // As a path it would name a host.
  if (pathname.startsWith('//')) return location
  for (const url of [target, ...targets()]) {
    const below = basePath(url) + from
    if (new URL(url).origin === origin && isBelow(pathname, below)) return rewriteLocation(pathname + search + hash, below, to)
  }
  return location
}

/**
 * A `Set-Cookie` with its `Path` moved as a `Location` would be, when it is at or below `from`; every other byte as it was.
 * A `/` that becomes the prefix loses its slash, or a browser would not send the cookie with the prefix itself (RFC 6265 §5.1.4).
 */
export function movedCookie (cookie: string, { target, from, to }: PathMap): string {
  const below = basePath(target) + from
  return cookie.replace(/(;[ \t]*path[ \t]*=[ \t]*)([^;]*)/gi, (attribute: string, name: string, value: string) => {
    const path = value.trimEnd()
    if (!path.startsWith('/') || !isBelow(path, below)) return attribute
    const rest = path.slice(below.length)
    // What the client wrote into the path must not become an attribute.
    const moved = to.replaceAll(';', '%3B') + (rest === '/' && below === '' ? '' : rest)
    return name + (moved.startsWith('/') ? moved : `/${moved}`) + value.slice(path.length)
  })
}

/** The URL by which a target knows itself that is asked for by another host than its URL has. */
export function hostedUrl (url: string, host: string): string {
  return `${url.slice(0, url.indexOf('//') + 2)}${host}${basePath(url)}`
}

/** The path of a target's URL, which the path of a request goes behind. */
function basePath (url: string): string {
  return url.slice(new URL(url).origin.length)
}

/**
 * A `Location` that points into the upstream's own path space, moved into the gateway's.
 * Only a path that begins with `from` as whole segments is: relative paths, `//other/host` and full URLs are left alone.
 */
export function rewriteLocation (location: string, from: string, to: string): string {
  if (!location.startsWith('/') || namesHost(location) || !isBelow(location, from)) return location
  const rest = location.slice(from.length)
  const moved = to + (rest.startsWith('/') || !/^[^?#]/.test(rest) ? rest : `/${rest}`)
  // The upstream meant a path.
  if (namesHost(moved)) return `/.${moved}`
  return moved.startsWith('/') ? moved : `/${moved}`
}

/** Whether a path begins with `from` as whole segments. */
export function isBelow (path: string, from: string): boolean {
  return path.startsWith(from) && (path.length === from.length || from.endsWith('/') || /^[/?#]/.test(path.slice(from.length)))
}

/** Whether a reference begins as `//other/host` does; browsers take a backslash for a slash. */
function namesHost (reference: string): boolean {
  return /^\/[/\\]/.test(reference)
}
