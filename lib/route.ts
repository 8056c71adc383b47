import type { FastifyInstance, RouteOptions as FastifyRoute } from 'fastify'
import { BadOptionError, show } from './errors.js'
import { forwarder, type ForwardSettings } from './forward.js'
import type { KeyReader } from './key.js'
import type { RouteOptions } from './options.js'
import { prefixRewriter } from './path.js'
import type { Pool } from './pool.js'

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']
const PATHS = ['/', '/*']

/** Name of the router constraint of OPTIONS routes at the root. The router wants an identifier. */
const UNCLAIMED = 'fastifyBalancerUnclaimed'

export interface RouteSettings {
  readonly pool: Pool
  readonly keyOf: KeyReader | undefined
  /** Where the options stand, for messages. */
  readonly path: string
  readonly options: RouteOptions
}

/**
 * Forwards everything below the prefix that `app` was registered with.
 *
 * @throws BadOptionError for what only shows within the app: a prefix that is taken, a param that no prefix has
 */
export function mount (app: FastifyInstance, { pool, keyOf, path, options }: RouteSettings): void {
  const {
    prefix: _, rewritePrefix = '', httpMethods = METHODS, routes = PATHS, preserveHost = false, via = 'fastify-balancer',
    internalRewriteLocationHeader = true, proxyPayloads = true, preRewrite, replyOptions = {}, ...routeOptions
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
  if (proxyPayloads && routeOptions.schema?.body !== undefined) {
    throw BadOptionError(`${within('schema.body')}: bodies are forwarded unread, must be left out unless proxyPayloads is false`)
  }
  if (proxyPayloads) {
    // In this scope every body, of whatever type, goes on as the bytes that came; the app's own parsers stay its own.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => { done(null, payload) })
  }
  const handler = forwarder({
    pool,
    rewrite: prefixRewriter(app.prefix, rewritePrefix, semicolonsDelimit(app)),
    keyOf,
    preserveHost,
    via,
    rewriteLocation: internalRewriteLocationHeader,
    preRewrite,
    prefix: app.prefix,
    replyOptions: replyOptions as ForwardSettings['replyOptions']
  })
  const mountAt = (url: string, method: string[], constraints = routeOptions.constraints): void => {
    if (method.length === 0) return
    try {
      app.route({ ...routeOptions as Partial<FastifyRoute>, ...(constraints === undefined ? undefined : { constraints }), url, method, handler })
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
