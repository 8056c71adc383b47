/** Options for those who come from @fastify/http-proxy: what each becomes here, or what to write instead. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { BadOptionError } from './errors.js'
import { refused, rule } from './schema.js'
import type { Timeouts } from './target.js'
import type { TlsOptions } from './tls.js'

/** What is sent to open a WebSocket, besides what the client sends. */
export interface WebSocketClientOptions {
  /** Sent as well, in place of the client's own of the same name. Default: none. */
  readonly headers?: Readonly<Record<string, string>>
  /** Gets what would be sent, returns what is. `Sec-WebSocket-*` stay as they are. */
  readonly rewriteRequestHeaders?: (headers: IncomingHttpHeaders, request: FastifyRequest) => IncomingHttpHeaders
  /** Takes the place of the client's query; a function gets it with its `?` and returns it without. */
  readonly queryString?: Readonly<Record<string, unknown>> | ((search: string, url: string, request: FastifyRequest) => string)
}

/** Called for every WebSocket. A hook that throws is logged, and changes nothing. */
export interface WebSocketHooks {
  /** Both connections stand. What a hook writes to one may land inside a frame. */
  readonly onConnect?: (context: { readonly log: FastifyBaseLogger }, source: Duplex, target: Duplex) => void
  /** Both connections are closed. */
  readonly onDisconnect?: (context: { readonly log: FastifyBaseLogger }, source: Duplex) => void
}

/** Options of the short form that are taken from @fastify/http-proxy as they are. Those without a word of their own have nothing to do here. */
export interface MovedOptions {
  /** WebSockets go there: a pool of one, called `<name>:websocket`, with the options of the other one. A path is the business of `rewritePrefix`. */
  readonly wsUpstream?: string
  /** Another name of `preHandler`. */
  readonly beforeHandler?: unknown
  /** `headersTimeout`, `bodyTimeout` and `connectTimeout` are `timeouts.headers`, `.idle` and `.connect`; `connect` and `tls` are `tls`. */
  readonly undici?: boolean | {
    readonly headersTimeout?: number
    readonly bodyTimeout?: number
    readonly connectTimeout?: number
    readonly pipelining?: 0 | 1
    readonly connect?: TlsOptions
    readonly tls?: TlsOptions
  }
  readonly http2?: false
  readonly http?: false | Readonly<Record<string, never>>
  readonly globalAgent?: false
  readonly destroyAgent?: boolean
  readonly disableCache?: boolean
  readonly cacheURLs?: number
  readonly disableRequestLogging?: boolean
  readonly wsServerOptions?: Readonly<Record<string, never>>
}

const RETRIES = "the pool's retries decide about that"
const CONNECTIONS = 'the pool makes its own connections, with its timeouts and tls'
const UNREAD = 'bytes pass unread, and client and upstream agree on it'
const SERVER = "WebSockets come by the app's own server"

/** Options that mean nothing here, wherever they stand, each with what to write instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  base: 'one target is given as upstream, several as targets',
  balancedPoolOptions: 'several upstreams are given as targets, with a policy',
  sessionTimeout: 'upstreams are asked in HTTP/1.1, whose limits are timeouts',
  retryMethods: 'what may be sent again follows from its method and from Idempotency-Key; retries: 0 sends everything once',
  retriesCount: RETRIES,
  retryDelay: RETRIES,
  maxRetriesOn503: RETRIES,
  wsReconnect: 'a tunnel does not read messages and can not know which were lost; a client that is cut off connects again'
}

export const elsewhereProperties = mapped(ELSEWHERE)

/** Words for the options of `reply.from` that choose the upstream or repeat requests. */
export const replyElsewhere = mapped({
  getUpstream: 'the pool chooses the target; targets with a policy function, or several registrations with constraints, choose by request',
  retriesCount: RETRIES,
  retryDelay: RETRIES,
  maxRetriesOn503: RETRIES
})

const isPlainObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)

const func = rule('a function', value => typeof value === 'function')
const flag = { type: 'boolean' }

export const clientOptionsSchema = {
  type: 'object',
  properties: {
    headers: {
      type: 'object',
      propertyNames: rule('the name of a header field', value => /^[!#$%&'*+.^_`|~\dA-Z-]+$/i.test(String(value))),
      // May be a password.
      additionalProperties: rule('a text without line breaks', value => typeof value === 'string' && /^[\t\x20-\x7e\x80-\xff]*$/.test(value), true)
    },
    rewriteRequestHeaders: func,
    queryString: rule('an object or a function', value => typeof value === 'function' || (typeof value === 'object' && value !== null)),
    ...mapped({
      ...every(['ca', 'cert', 'key', 'passphrase', 'pfx', 'rejectUnauthorized', 'servername', 'checkServerIdentity', 'ciphers', 'minVersion', 'maxVersion',
        'secureContext'], 'tls has what the connections to targets are made with'),
      ...every(['handshakeTimeout', 'timeout'], 'timeouts.connect and timeouts.headers are the limits'),
      ...every(['perMessageDeflate', 'maxPayload', 'maxFragments', 'maxBufferedChunks', 'maxPendingAutoPongs', 'skipUTF8Validation', 'allowSynchronousEvents', 'autoPong',
        'generateMask', 'closeTimeout', 'protocolVersion'], UNREAD),
      ...every(['followRedirects', 'maxRedirects'], 'a redirect is passed on to the client'),
      origin: "the client's own is sent; headers: { origin } sends another",
      auth: 'headers: { authorization } sends it',
      finishRequest: 'rewriteRequestHeaders changes what is sent'
    })
  },
  additionalProperties: refused(CONNECTIONS)
}

export const hooksSchema = {
  type: 'object',
  properties: {
    onConnect: func,
    onDisconnect: func,
    ...mapped({
      ...every(['onIncomingMessage', 'onOutgoingMessage'], 'messages pass unread'),
      onPong: 'pings and pongs pass unread, and none are sent; timeouts.tunnel ends a WebSocket that is silent',
      onReconnect: 'a WebSocket is not opened anew behind the back of its client'
    })
  },
  additionalProperties: false
}

/** The schemas of `MovedOptions`, given those of the options that some of them stand for. */
export const movedProperties = (schemas: { readonly tls: object, readonly connect: object, readonly headers: object, readonly idle: object }) => ({
  wsUpstream: rule('a ws:, wss:, http: or https: URL without a path, which is what rewritePrefix is for',
    value => typeof value === 'string' && /^(?:ws|http)s?:\/\/[^/?#]+\/?$/i.test(value)),
  beforeHandler: rule('a function or a list of functions', value => [value].flat().every(item => typeof item === 'function')),
  undici: {
    if: rule('an object of options', isPlainObject),
    then: {
      type: 'object',
      properties: {
        headersTimeout: schemas.headers,
        bodyTimeout: schemas.idle,
        connectTimeout: schemas.connect,
        pipelining: rule('0 or 1: a second request on a connection would wait for the answer to the first', value => value === 0 || value === 1),
        connect: schemas.tls,
        tls: schemas.tls,
        ...mapped({
          connections: 'limits.connections is the limit of a target',
          ...every(['keepAliveTimeout', 'keepAliveMaxTimeout', 'keepAliveTimeoutThreshold'],
            'an idle connection is kept as long as its upstream says, and a request that finds it closed is sent again'),
          ...every(['proxy', 'uri'], 'targets are connected to directly'),
          allowH2: 'upstreams are asked in HTTP/1.1'
        })
      },
      additionalProperties: refused(CONNECTIONS)
    },
    // An instance may hold anything.
    else: rule('true, false or an object of options: ' + CONNECTIONS, value => typeof value === 'boolean', true)
  },
  http2: rule('false: upstreams are asked in HTTP/1.1', value => value === false),
  http: rule('false or {}: requests are sent by undici, and timeouts and tls are what agentOptions and requestOptions were for',
    value => value === false || (isPlainObject(value) && Object.keys(value as object).length === 0), true),
  globalAgent: rule('false: ' + CONNECTIONS, value => value === false),
  destroyAgent: flag,
  disableCache: flag,
  cacheURLs: { type: 'integer', minimum: 0 },
  disableRequestLogging: flag,
  wsServerOptions: {
    type: 'object',
    properties: mapped({
      ...every(['perMessageDeflate', 'maxPayload', 'maxFragments', 'maxBufferedChunks', 'skipUTF8Validation', 'allowSynchronousEvents', 'autoPong', 'closeTimeout',
        'WebSocket'], UNREAD),
      verifyClient: 'a preHandler turns clients away',
      handleProtocols: 'the upstream chooses among all that the client offers'
    }),
    additionalProperties: refused(SERVER)
  }
}) satisfies Record<keyof MovedOptions, object>

/** What is refused as long as no WebSockets are opened. */
export const websocketOnly = {
  if: { type: 'object', properties: { websocket: { const: true } }, required: ['websocket'] },
  else: { type: 'object', properties: mapped(every(['wsUpstream', 'wsClientOptions', 'wsHooks'], 'websocket is not true')) }
}

/**
 * The pool's options that `undici` stands for.
 *
 * @throws BadOptionError when they are given twice
 */
export function undiciOptions (undici: MovedOptions['undici'], given: { readonly timeouts?: Partial<Timeouts>, readonly tls?: TlsOptions }): { timeouts?: Partial<Timeouts>, tls?: TlsOptions } {
  if (typeof undici !== 'object') return {}
  const timeouts: { -readonly [Key in keyof Timeouts]?: Timeouts[Key] } = { ...given.timeouts }
  for (const [theirs, ours] of [['headersTimeout', 'headers'], ['bodyTimeout', 'idle'], ['connectTimeout', 'connect']] as const) {
    const ms = undici[theirs]
    if (ms === undefined) continue
    if (timeouts[ours] !== undefined) throw BadOptionError(`undici.${theirs}: there is timeouts.${ours}, must be left out`)
    timeouts[ours] = ms
  }
  const { connect, tls = connect } = undici
  if (tls !== undefined && given.tls !== undefined) throw BadOptionError(`undici.${undici.tls === undefined ? 'connect' : 'tls'}: there is tls, must be left out`)
  if (connect !== undefined && undici.tls !== undefined) throw BadOptionError('undici.connect: there is undici.tls, must be left out')
  return { timeouts, ...(tls === undefined ? undefined : { tls }) }
}

/** The URL of a pool's target for what may be given as a WebSocket's. */
export function httpUrl (url: string): string {
  return url.replace(/^ws(?=s?:)/i, 'http')
}

interface Rewriting {
  readonly rewriteRequestHeaders?: ((request: FastifyRequest, headers: IncomingHttpHeaders) => IncomingHttpHeaders) | undefined
  readonly queryString?: unknown
  readonly method?: unknown
  readonly body?: unknown
  readonly contentType?: unknown
}

/** Options of `reply.from` for requests to open a WebSocket, which are a GET without a body whatever is said of the others. */
export function websocketReplyOptions<Options extends Rewriting> (replyOptions: Options, client: WebSocketClientOptions | undefined): Omit<Options, 'method' | 'body' | 'contentType'> {
  const { method: _, body: __, contentType: ___, ...options } = replyOptions
  if (client === undefined) return options
  const { headers, rewriteRequestHeaders, queryString } = client
  return {
    ...options,
    ...(queryString === undefined ? undefined : { queryString: typeof queryString === 'function' ? withMark(queryString) : queryString }),
    rewriteRequestHeaders (request: FastifyRequest, before: IncomingHttpHeaders) {
      const client = replyOptions.rewriteRequestHeaders?.(request, before) ?? before
      const given = { ...client, ...lowerCase(headers ?? {}) }
      const sent = lowerCase(rewriteRequestHeaders?.(given, request) ?? given)
      // Client and upstream agree on these between themselves.
      for (const name of Object.keys({ ...sent, ...client })) {
        if (name.startsWith('sec-websocket-')) sent[name] = client[name]
      }
      return sent
    }
  }
}

/** The one function of @fastify/http-proxy that gets a query with its `?`. */
function withMark (queryString: (search: string, url: string, request: FastifyRequest) => string) {
  return (search: string | undefined, url: string, request: FastifyRequest): string => queryString(search === undefined || search === '' ? '' : `?${search}`, url, request)
}

function lowerCase (headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function mapped (reasons: Readonly<Record<string, string>>): Record<string, object> {
  return Object.fromEntries(Object.entries(reasons).map(([name, reason]) => [name, refused(reason)]))
}

function every (names: readonly string[], reason: string): Record<string, string> {
  return Object.fromEntries(names.map(name => [name, reason]))
}
