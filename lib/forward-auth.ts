import type { FastifyReply, FastifyRequest } from 'fastify'
import { forwardedFacts } from './client.js'
import { AuthUnavailableError, BadOptionError, ClientGoneError, show } from './errors.js'
import type { ExchangeOptions } from './exchange.js'
import type { Handler } from './handler.js'
import { mergedLists, responseHeaders, type HeaderRecord } from './headers.js'
import { fieldNames, type GuardHook } from './identity.js'
import { LONGEST_TIMER } from './option-types.js'
import { rawUrl } from './path.js'
import { Pool } from './pool.js'
import { check, rule } from './schema.js'
import { claimFields } from './trusted-fields.js'
import { upgradeOf } from './upgrade.js'

export interface ForwardAuthOptions {
  /** The pool to ask: its name in `app.upstreams`, or the pool itself. */
  readonly pool: string | Pool
  /** Path that is asked for, below the base path of a target; may have a query. */
  readonly path: string
  /** Default: `GET`. */
  readonly method?: 'GET' | 'HEAD' | 'POST'
  /** Fields of the client that are sent on. Default: `accept`, `authorization`, `cookie`, `user-agent`, `x-requested-with`. */
  readonly requestHeaders?: readonly string[]
  /**
   * Fields of a 2xx answer that are set on the forwarded request. A client's own are always removed, in every spelling, also
   * when the answer has none. Default: none.
   */
  readonly copy?: readonly string[]
  /** Fields of a 2xx answer that the client is given, such as `set-cookie`. Default: none. */
  readonly responseHeaders?: readonly string[]
  /** Milliseconds for everything, further attempts included; 0 is no limit. Default: 5000. */
  readonly timeout?: number
  /** Bytes that the body of an answer may have. Default: 65536. */
  readonly maxBytes?: number
  /** What becomes of a request when there is no answer, or one of 500 and above: a 503, or it passes. Default: `deny`. */
  readonly onError?: 'deny' | 'allow'
}

const ASKED_WITH = ['accept', 'authorization', 'cookie', 'user-agent', 'x-requested-with']

/** Seconds after which a client may try again. */
const TRY_AGAIN = '1'

const names = (description: string, defaults: readonly string[]): object => ({
  type: 'array', uniqueItems: true, items: { type: 'string', minLength: 1 }, default: defaults, description
})

const noneOfOurs = { items: { type: 'string', ...fieldNames } }

/** Plain JSON Schema of the options but for the pool, with their defaults. */
export const FORWARD_AUTH_PROPERTIES = {
  path: { type: 'string', pattern: '^/[^\\s#]*$', description: 'Path that is asked for, below the base path of a target; may have a query.' },
  method: { enum: ['GET', 'HEAD', 'POST'], default: 'GET', description: 'Method that it is asked for with; there is never a body.' },
  requestHeaders: names('Header fields of the client that are sent on.', ASKED_WITH),
  copy: names('Header fields of a 2xx answer that are set on the forwarded request. What a client says of them is always removed.', []),
  responseHeaders: names('Header fields of a 2xx answer that the client is given, such as set-cookie.', []),
  timeout: { type: 'number', minimum: 0, maximum: LONGEST_TIMER, default: 5000, description: 'Milliseconds for everything, further attempts included; 0 is no limit.' },
  maxBytes: { type: 'integer', minimum: 0, default: 65_536, description: 'Bytes that the body of an answer may have.' },
  onError: { enum: ['deny', 'allow'], default: 'deny', description: 'What becomes of a request when there is no answer, or one of 500 and above: deny is a 503, allow lets it pass.' }
}

const schema = {
  type: 'object',
  properties: {
    forwardAuth: {
      type: 'object',
      additionalProperties: false,
      required: ['pool', 'path'],
      properties: {
        ...FORWARD_AUTH_PROPERTIES,
        requestHeaders: { ...FORWARD_AUTH_PROPERTIES.requestHeaders, ...noneOfOurs },
        copy: { ...FORWARD_AUTH_PROPERTIES.copy, ...noneOfOurs },
        responseHeaders: { ...FORWARD_AUTH_PROPERTIES.responseHeaders, ...noneOfOurs },
        pool: rule('the name of a pool, or a pool', value => value instanceof Pool || (typeof value === 'string' && value !== ''))
      }
    }
  }
}

/**
 * Makes an `onRequest` hook that asks another service whether a request may pass, before anything of its body is read.
 *
 * It is asked through the balancer: policy, failover, limits and health of its pool apply. It is told, as by Traefik's ForwardAuth,
 * Caddy's `forward_auth` and what nginx's `auth_request` and Envoy's `ext_authz` are usually configured for, `X-Forwarded-Method`,
 * `-Proto`, `-Host`, `-Uri` (path and query as the client spelled them), `-For` and `-Port`, with those fields of the client that
 * `requestHeaders` names. There is no body. Requests for a WebSocket are asked about like any other.
 *
 * 2xx lets the request pass, with what `copy` names. 500 and above, no answer in time, or one that is too long is an error: a
 * 503 (`FST_BALANCER_AUTH_UNAVAILABLE`), unless `onError` is `allow`. Any other answer is the client's: status, body and fields, such
 * as `WWW-Authenticate`, `Location` and `Set-Cookie`. Answers are not cached: every request asks.
 *
 * @throws BadOptionError for a bad option
 */
export function forwardAuth (options: ForwardAuthOptions): GuardHook {
  check(schema, { forwardAuth: options })
  const { pool, path, method = 'GET', timeout = 5000, maxBytes = 65_536, onError = 'deny' } = options
  const lower = (list: readonly string[]): string[] => list.map(name => name.toLowerCase())
  const requestHeaders = lower(options.requestHeaders ?? ASKED_WITH)
  const copied = lower(options.copy ?? [])
  const given = lower(options.responseHeaders ?? [])

  return async (request, reply) => {
    let answer: Answer
    try {
      const question: ExchangeOptions = { path, method, headers: questionHeaders(request, requestHeaders), body: null, timeout }
      answer = await ask(poolOf(pool, request), question, maxBytes, reply)
      if (answer.status >= 500) throw new Error(`the answer was ${answer.status}`)
    } catch (error) {
      // Also what an earlier hook may have let pass: nothing that nobody has vouched for goes upstream.
      claimFields(request, copied, {})
      if (isGone(reply)) throw ClientGoneError({ cause: error })
      const passes = onError === 'allow'
      request.log.warn({ err: error, pool: typeof pool === 'string' ? pool : pool.name }, passes ? 'not asked whether the request may pass: it does' : 'not asked whether the request may pass: refused')
      if (passes) return
      reply.header('retry-after', TRY_AGAIN)
      throw AuthUnavailableError({ cause: error })
    }
    const { status, headers, body } = answer
    if (status >= 200 && status < 300) {
      claimFields(request, copied, picked(headers, copied, joined))
      for (const [name, value] of Object.entries(picked(headers, given, same))) reply.header(name, value)
      return
    }
    for (const name of copied) delete headers[name]
    pass(headers, reply)
    reply.code(status)
    return body.length === 0 ? await reply.send() : await reply.send(body)
  }
}

function poolOf (pool: string | Pool, { server: { upstreams } }: FastifyRequest): Pool {
  if (typeof pool !== 'string') return pool
  const found = upstreams !== undefined && Object.hasOwn(upstreams, pool) ? upstreams[pool] : undefined
  if (found === undefined) throw BadOptionError(`forwardAuth.pool: ${show(pool)} is not a pool, must be one of ${Object.keys(upstreams ?? {}).join(', ') || 'none'}`)
  return found
}

function questionHeaders (request: FastifyRequest, sent: readonly string[]): HeaderRecord {
  const { path, query } = rawUrl(request.url)
  const facts = forwardedFacts(request, false)
  const headers: HeaderRecord = {}
  for (const name of sent) {
    const value = request.headers[name]
    if (value !== undefined) headers[name] = joined(value)
  }
  return {
    ...headers,
    'x-forwarded-method': request.method,
    'x-forwarded-proto': facts.proto,
    'x-forwarded-uri': path + query,
    ...(facts.host === undefined ? undefined : { 'x-forwarded-host': facts.host }),
    ...(facts.port === undefined ? undefined : { 'x-forwarded-port': facts.port }),
    ...(facts.for === undefined ? undefined : { 'x-forwarded-for': facts.for })
  }
}

interface Answer { readonly status: number, readonly headers: HeaderRecord, readonly body: Buffer }

/** @throws what went wrong, `ClientGoneError` when the client has left, or what says that the body is too long */
async function ask (pool: Pool, question: ExchangeOptions, maxBytes: number, reply: FastifyReply): Promise<Answer> {
  if (isGone(reply)) throw ClientGoneError()
  const { raw } = reply
  let leave = (): void => {}
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const hearing = new Hearing(maxBytes, pool.drainHeader, resolve, reject)
      leave = () => { hearing.abort(ClientGoneError()) }
      raw.once('close', leave)
      // The connection of a request to upgrade is not read from by anybody yet, and would not tell that its client has left.
      upgradeOf(reply.request.raw)?.watch()
      pool.dispatch(question, hearing)
    })
  } finally {
    raw.off('close', leave)
  }
}

/** The answer of the service that is asked. What lets a request pass is known with its head; the rest of it is read and dropped. */
class Hearing implements Handler {
  readonly #maxBytes: number
  readonly #drainHeader: string | undefined
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: Error) => void
  #abort: ((reason?: Error) => void) | undefined
  #status = 0
  #headers: HeaderRecord = {}
  #body: Buffer[] = []
  #bytes = 0

  constructor (maxBytes: number, drainHeader: string | undefined, resolve: (answer: Answer) => void, reject: (error: Error) => void) {
    this.#maxBytes = maxBytes
    this.#drainHeader = drainHeader
    this.#resolve = resolve
    this.#reject = reject
  }

  abort (reason: Error): void {
    this.#reject(reason)
    this.#abort?.(reason)
  }

  onConnect (abort: (reason?: Error) => void): void {
    this.#abort = abort
  }

  onHeaders (status: number, raw: Buffer[]): boolean {
    if (status < 200) return true
    this.#status = status
    this.#headers = responseHeaders(raw)
    if (this.#drainHeader !== undefined) delete this.#headers[this.#drainHeader]
    if (status < 300) this.#answer()
    return true
  }

  onData (chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#bytes > this.#maxBytes) this.abort(new Error(`the answer has more than ${this.#maxBytes} bytes`))
    else if (this.#status >= 300) this.#body.push(chunk)
    return true
  }

  onComplete (): void {
    this.#answer()
  }

  onError (error: Error): void {
    this.#reject(error)
  }

  #answer (): void {
    this.#resolve({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#body) })
  }
}

/** Gives the client the fields of an answer that refuses it, beside what hooks before have set. */
function pass (headers: HeaderRecord, reply: FastifyReply): void {
  const hasCors = reply.hasHeader('access-control-allow-origin')
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'content-length' || (hasCors && name.startsWith('access-control-'))) continue
    const own = reply.getHeader(name)
    reply.header(name, name === 'vary' && own !== undefined ? mergedLists(own, value) : value)
  }
}

function picked (headers: HeaderRecord, names: readonly string[], form: (value: string | string[]) => string | string[]): HeaderRecord {
  const fields: HeaderRecord = {}
  for (const name of names) {
    const value = headers[name]
    if (value !== undefined) fields[name] = form(value)
  }
  return fields
}

function same (value: string | string[]): string | string[] { return value }

function joined (value: string | string[]): string {
  return Array.isArray(value) ? value.join(', ') : value
}

function isGone ({ raw, request }: FastifyReply): boolean {
  return raw.destroyed || raw.closed || request.raw.socket?.destroyed === true
}
