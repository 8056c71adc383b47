import type { FastifyInstance, RouteOptions as FastifyRoute } from 'fastify'
import { BadOptionError } from './errors.js'
import { forwarder } from './forward.js'
import type { KeyReader } from './key.js'
import type { RouteOptions } from './options.js'
import { prefixRewriter } from './path.js'
import type { Pool } from './pool.js'

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']
const PATHS = ['/', '/*']

/** Options of `reply.from` that would take the choice of the upstream, or retries, out of the pool's hands. */
const NOT_OURS = ['getUpstream', 'retriesCount', 'retryDelay', 'maxRetriesOn503'] as const

export interface RouteSettings {
  readonly pool: Pool
  readonly keyOf: KeyReader | undefined
  /** Where the options stand, for messages. */
  readonly path: string
  readonly options: RouteOptions
}

/** Forwards everything below the prefix that `app` was registered with. */
export function mount (app: FastifyInstance, { pool, keyOf, path, options }: RouteSettings): void {
  const {
    prefix: _, rewritePrefix = '', httpMethods = METHODS, routes = PATHS, preserveHost = false, via = 'fastify-balancer',
    internalRewriteLocationHeader = true, proxyPayloads = true, preRewrite, replyOptions = {}, ...routeOptions
  } = options
  const notOurs = NOT_OURS.find(name => name in replyOptions)
  if (notOurs !== undefined) {
    throw BadOptionError(`${path === '' ? '' : `${path}.`}replyOptions.${notOurs}: the pool decides about that, must be left out`)
  }
  if (proxyPayloads) {
    // In this scope every body, of whatever type, goes on as the bytes that came; the app's own parsers stay its own.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => { done(null, payload) })
  }
  const handler = forwarder({
    pool,
    rewrite: prefixRewriter(app.prefix, rewritePrefix),
    keyOf,
    preserveHost,
    via,
    rewriteLocation: internalRewriteLocationHeader,
    preRewrite,
    prefix: app.prefix,
    replyOptions
  })
  for (const url of routes) {
    app.route({ ...routeOptions as Partial<FastifyRoute>, url, method: [...httpMethods], handler })
  }
}
