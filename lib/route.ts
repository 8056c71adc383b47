import type { FastifyInstance, RouteOptions as FastifyRoute, preHandlerHookHandler, preParsingHookHandler } from 'fastify'
import type { Clock } from './clock.js'
import { websocketReplyOptions } from './compat.js'
import { hideContentType, noteDecoded, passBody, showContentType } from './content-type.js'
import { BadOptionError, show } from './errors.js'
import { askedFor } from './explain-field.js'
import { forwarder, type Forward, type ForwardSettings } from './forward.js'
import { kAllowed } from './forwarding.js'
import { ASKING_FIELD } from './headers.js'
import { checkReplyOptions, type ExplainPermission, type RouteOptions } from './options.js'
import { prefixRewriter } from './path.js'
import type { Pool } from './pool.js'
import type { RouteTraffic } from './traffic.js'
import { acceptUpgrades, upgradeOf } from './upgrade.js'

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']
const PATHS = ['/', '/*']

const HOOKS: ReadonlySet<string> = new Set([
  'onRequest', 'preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend', 'onResponse', 'onError', 'onTimeout', 'onRequestAbort'
])

/** Name of the router constraint of OPTIONS routes at the root. The router wants an identifier. */
const UNCLAIMED = 'fastifyBalancerUnclaimed'

export interface RouteSettings {
  readonly pool: Pool
  /** Where WebSockets go; the same pool unless they have one of their own. */
  readonly websocketPool: Pool
  readonly clock: Clock
  /** Where the options stand, for messages. */
  readonly path: string
  readonly options: RouteOptions
}

/**
 * Forwards everything below the prefix that `app` was registered with.
 *
 * @throws BadOptionError for what only shows within the app: a prefix that is taken, a param that no prefix has
 *
 * @returns counts what comes
 */
export function mount (app: FastifyInstance, { pool, websocketPool, clock, path, options }: RouteSettings): RouteTraffic {
  const {
    prefix: _, rewritePrefix = '', httpMethods = METHODS, routes = PATHS, preserveHost = false, via = 'fastify-balancer',
    forwarded = false, underscores = 'forward', internalRewriteLocationHeader = true, internalRewriteCookiePath = false,
    importance = 0, requestLog = true, deadline, explain = false, proxyPayloads = options.preValidation === undefined ? true : undefined, preRewrite, websocket = false, strictPaths = false, wsClientOptions, wsHooks, contentTypesToEncode,
    handler: userHandler, replyOptions = {}, ...routeOptions
  } = options
  const within = (key: string): string => path === '' ? key : `${path}.${key}`
  const methods = [...new Set(httpMethods.map(method => method.toUpperCase()))]
  const unknown = methods.find(method => !app.supportedMethods.includes(method))
  if (unknown !== undefined) {
    throw BadOptionError(`${within('httpMethods')}: ${show(unknown)}, must be among ${app.supportedMethods.join(', ')}`)
  }
  const missing = paramsOf(rewritePrefix).find(name => !paramsOf(app.prefix).includes(name))
  if (missing !== undefined) {
    throw BadOptionError(`${within('rewritePrefix')}: ${show(rewritePrefix)}, must use params of the prefix, which has no :${missing}`)
  }
  if (websocket && !methods.includes('GET')) {
    throw BadOptionError(`${within('websocket')}: true, must be left out unless httpMethods has GET, which opens a WebSocket`)
  }
  if (proxyPayloads === true && routeOptions.schema?.body !== undefined) {
    throw BadOptionError(`${within('schema.body')}: bodies are forwarded unread, must be left out unless proxyPayloads is false`)
  }
  /** Whether what no parser is known for goes on unread. */
  const passes = proxyPayloads ?? !app.hasContentTypeParser('*')
  if (proxyPayloads === undefined) {
    // As in @fastify/http-proxy, a preValidation sees what the app can parse. What it can not is no reason to refuse the request.
    if (passes) app.addContentTypeParser('*', passBody)
  } else if (proxyPayloads) {
    // In this scope every body, of whatever type, goes on as the bytes that came; the app's own parsers stay its own.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', passBody)
  }
  const traffic: RouteTraffic = { prefix: app.prefix, pool: pool.name, requests: 0 }
  const settings: ForwardSettings = {
    pool,
    traffic,
    rewrite: prefixRewriter(app.prefix, rewritePrefix, { semicolons: semicolonsDelimit(app), strict: strictPaths }),
    preserveHost,
    via,
    forwarded,
    underscores,
    rewriteLocation: internalRewriteLocationHeader,
    rewriteCookiePath: internalRewriteCookiePath,
    preRewrite,
    websocket: false,
    wsHooks: undefined,
    clock,
    importance,
    requestLog,
    explain: explain === true,
    deadline: deadline === undefined ? undefined : { header: deadline.header.toLowerCase(), send: deadline.send ?? false, minimum: deadline.minimum ?? 0 },
    prefix: app.prefix,
    contentTypesToEncode,
    handler: userHandler as ForwardSettings['handler'],
    checkReplyOptions: checkReplyOptions as ForwardSettings['checkReplyOptions'],
    replyOptions: replyOptions as ForwardSettings['replyOptions']
  }
  const forward = forwarder(settings)
  const preHandler = typeof explain === 'function' ? [...hooksOf(routeOptions.preHandler), permission(explain)] : undefined
  if (websocket) {
    const open = openWebSocket(forwarder({
      ...settings, pool: websocketPool, websocket, wsHooks, handler: undefined, replyOptions: websocketReplyOptions(replyOptions, wsClientOptions) as ForwardSettings['replyOptions']
    }))
    // Behind the hooks that other plugins add to routes, which they do in the same way: none of them may be skipped.
    app.addHook('onRoute', route => { route.preHandler = [...hooksOf(route.preHandler), open] })
    app.addHook('onReady', async () => { acceptUpgrades(app, app.prefix, clock) })
  }
  const settle = passes ? hideContentType : noteDecoded
  const handler: Forward = passes
    ? (request, reply) => {
        // A method that the app has declared to have no body comes here without a parser.
        showContentType(request)
        return forward(request, reply)
      }
    : forward
  const mountAt = (url: string, method: string[], constraints = routeOptions.constraints): void => {
    if (method.length === 0) return
    try {
      app.route({
        ...ownHooks(routeOptions as Partial<FastifyRoute>),
        ...(preHandler === undefined ? undefined : { preHandler: preHandler as preHandlerHookHandler[] }),
        preParsing: [...hooksOf(routeOptions.preParsing), settle] as preParsingHookHandler[],
        ...(constraints === undefined ? undefined : { constraints }),
        url,
        method,
        handler
      })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw BadOptionError(code === 'FST_ERR_DUPLICATED_ROUTE'
        ? `${within('prefix')}: ${show(options.prefix ?? '')}, must be free, and the app has a route at ${show(app.prefix + url)} already`
        : `${path === '' ? 'options' : path}: ${message}`)
    }
  }
  for (const url of routes) {
    if (app.prefix === '') {
      mountAt(url, methods.filter(method => method !== 'OPTIONS'))
      mountAt(url, methods.filter(method => method === 'OPTIONS'), { ...routeOptions.constraints, [unclaimed(app)]: true })
    } else {
      mountAt(url, [...methods])
    }
  }
  return traffic
}

/**
 * The options of one of several routes, with lists of hooks of its own. Plugins, such as @fastify/compress, put hooks of theirs
 * into the lists of each route that is declared.
 */
function ownHooks (options: Partial<FastifyRoute>): Partial<FastifyRoute> {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, HOOKS.has(name) && Array.isArray(value) ? [...value] : value]))
}

function hooksOf<Hook> (hooks: Hook | Hook[] | undefined): Hook[] {
  return hooks === undefined ? [] : Array.isArray(hooks) ? hooks : [hooks]
}

/** Finds out whether a client that asks for an explanation may have it. Whatever else the function says or does, it may not. */
function permission (allows: ExplainPermission): preHandlerHookHandler {
  return (request, _reply, done) => {
    const form = askedFor(request.headers[ASKING_FIELD])
    if (form === undefined) {
      done()
      return
    }
    const decided = (allowed: unknown): void => {
      if (allowed === true) request[kAllowed] = form
      done()
    }
    const failed = (err: unknown): void => {
      request.log.warn({ err }, 'explain failed, and nothing is explained')
      done()
    }
    try {
      const allowed = allows(request)
      if (allowed instanceof Promise) allowed.then(decided, failed)
      else decided(allowed)
    } catch (error) {
      failed(error)
    }
  }
}

/**
 * Forwards a request for a WebSocket from the last hook on and not from the handler: @fastify/websocket wraps the handler of
 * every route to turn away the WebSockets that it does not know.
 */
function openWebSocket (forward: Forward): preHandlerHookHandler {
  return (request, reply, done) => {
    if (upgradeOf(request.raw) === undefined) done()
    else forward(request, reply)
  }
}

function semicolonsDelimit ({ initialConfig }: FastifyInstance): boolean {
  // An option of the router, which Fastify 5 also takes at the top.
  const { useSemicolonDelimiter, routerOptions } = initialConfig as { useSemicolonDelimiter?: boolean, routerOptions?: { useSemicolonDelimiter?: boolean } }
  return routerOptions?.useSemicolonDelimiter ?? useSemicolonDelimiter ?? false
}

type ConstraintStore = ReturnType<Parameters<FastifyInstance['addConstraintStrategy']>[0]['storage']>

function paramsOf (path: string): string[] {
  return [...path.matchAll(/:([A-Za-z_$][\w$]*)/g)].map(([, name]) => name ?? '')
}

/**
 * `OPTIONS *` at the root is what @fastify/cors declares for itself, and the router refuses to have it twice. Ours has a
 * constraint that holds only while nobody else has one, so either may come first and theirs is the one that answers.
 */
function unclaimed (app: FastifyInstance): string {
  if (app.hasConstraintStrategy(UNCLAIMED)) return UNCLAIMED
  let holds: true | undefined
  app.addConstraintStrategy({
    name: UNCLAIMED,
    storage () {
      const handlers = new Map<unknown, ReturnType<ConstraintStore['get']>>()
      return { get: value => handlers.get(value) ?? null, set: (value, handler) => { handlers.set(value, handler) } }
    },
    validate () {},
    deriveConstraint: () => holds
  })
  app.addHook('onReady', async () => {
    holds = ['*', '/*'].some(url => app.hasRoute({ method: 'OPTIONS', url })) ? undefined : true
  })
  return UNCLAIMED
}
