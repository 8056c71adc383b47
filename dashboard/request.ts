/** A request as somebody has pasted it. */
export interface PastedRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** Options of curl that take no value. Of the others the value is skipped, unless it matters here. */
const FLAGS = /^(?:-[sSvikLfgGN#46]+|--(?:silent|show-error|verbose|include|insecure|location|fail|compressed|globoff|no-buffer|http1\.[01]|http2|get|head))$/

/**
 * `GET /path`, `/path`, a URL or a curl line.
 *
 * @throws Error that says what is understood
 */
export function parseRequest (text: string): PastedRequest {
  const words = split(text.trim())
  if (words[0] === 'curl') return parseCurl(words.slice(1))
  const [first = '', second] = words
  const [method, target] = second === undefined ? ['GET', first] : [first, second]
  return { method: checkedMethod(method), path: pathOf(target), headers: {} }
}

function parseCurl (words: readonly string[]): PastedRequest {
  let method: string | undefined
  let target: string | undefined
  let body = false
  const headers: Record<string, string> = {}
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    const joined = /^-([XHdbAu])(.+)$/.exec(word)
    const name = joined === null ? word : `-${joined[1]}`
    if (word === '-I' || word === '--head') method ??= 'HEAD'
    if (!word.startsWith('-')) {
      target ??= word
      continue
    }
    if (word === '-I' || FLAGS.test(word)) continue
    const value = joined === null ? words[++i] ?? '' : joined[2] ?? ''
    if (name === '-X' || name === '--request') method = value
    else if (name === '-H' || name === '--header') addField(headers, value)
    else if (name === '-b' || name === '--cookie') headers['cookie'] = value
    else if (name === '-A' || name === '--user-agent') headers['user-agent'] = value
    else if (name === '--url') target = value
    else if (name === '-d' || name.startsWith('--data') || name === '--json') body = true
  }
  if (target === undefined) throw new Error('There is no URL in this curl line')
  return { method: checkedMethod(method ?? (body ? 'POST' : 'GET')), path: pathOf(target), headers }
}

function addField (headers: Record<string, string>, field: string): void {
  const colon = field.indexOf(':')
  if (colon > 0) headers[field.slice(0, colon).trim().toLowerCase()] = field.slice(colon + 1).trim()
}

function checkedMethod (method: string): string {
  if (!/^[A-Za-z-]+$/.test(method)) throw new Error(`Paste a line such as GET /users/42 or a curl command: ${method} is no method`)
  return method.toUpperCase()
}

function pathOf (target: string): string {
  if (target.startsWith('/')) return target
  const url = /^[a-z]+:\/\//i.test(target) ? target : `http://${target}`
  if (target === '' || !URL.canParse(url)) throw new Error('Paste a line such as GET /users/42 or a curl command')
  const { pathname, search } = new URL(url)
  return pathname + search
}

/** As a shell would, as far as quotes and backslashes go. */
function split (text: string): string[] {
  const words: string[] = []
  const pattern = /(?:'[^']*'|"(?:\\.|[^"\\])*"|\\[\s\S]|[^\s'"\\])+/g
  for (const [word] of text.matchAll(pattern)) {
    if (word === '\\\n') continue
    words.push(word.replace(/'([^']*)'|"((?:\\.|[^"\\])*)"|\\([\s\S])/g, (_all, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? (escaped === '\n' ? '' : escaped ?? '')))
  }
  return words.filter(word => word !== '')
}

/** The route that a path belongs to: that with the longest prefix. */
export function routeFor<Route extends { readonly prefix: string }> (routes: readonly Route[], path: string): Route | undefined {
  const [bare = ''] = path.split('?', 1)
  const segments = bare.split('/')
  let best: Route | undefined
  for (const route of routes) {
    const parts = route.prefix === '' ? [''] : route.prefix.split('/')
    const below = parts.every((part, i) => part === segments[i] || (part.startsWith(':') && (segments[i] ?? '') !== ''))
    if (below && parts.length > (best === undefined ? 0 : best.prefix.split('/').length)) best = route
  }
  return best
}
