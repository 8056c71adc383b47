import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Registry } from 'prom-client'
import { isFunction, isText, object } from '../option-types.js'
import { check, rule } from '../schema.js'
import { Metrics } from './metrics.js'

export interface PrometheusOptions {
  /** A registry of prom-client, with metrics of the app's own for example. Default: a new one. */
  readonly register?: Registry
  /** Begins every name. Default: `fastify_balancer_`. */
  readonly prefix?: string
  /** Upper bounds of the buckets of durations, in seconds, smallest first. Default: 1 ms to 30 s, three to a decade. */
  readonly buckets?: readonly number[]
  /** Where metrics are served: a path, or options of a Fastify route with its `url`; false serves nothing. Default: `/metrics`. */
  readonly route?: string | false | (RouteShorthandOptions & { readonly url: string })
}

const schema = object({
  register: rule('a Registry of prom-client', value => isFunction((value as { registerMetric?: unknown } | null)?.registerMetric)),
  prefix: rule('letters, digits and _, no digit first, or empty', isText(/^(?:[a-zA-Z_][\w]*)?$/)),
  buckets: rule('numbers > 0, smallest first', isAscending),
  route: rule("a path that begins with '/', a route with such a url, or false", value => value === false || isText(/^\//)((value as { url?: unknown } | null)?.url ?? value))
} satisfies Record<keyof PrometheusOptions, object>)

function isAscending (value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((bound, i) => Number.isFinite(bound) && bound > (i === 0 ? 0 : value[i - 1]))
}

const plugin: FastifyPluginAsync<PrometheusOptions> = async (app, options) => {
  check(schema, options)
  const { route = '/metrics', ...registry } = options
  const metrics = await Metrics.make(registry, () => (app as Partial<FastifyInstance>).upstreams ?? {})
  app.addHook('onReady', async () => { metrics.watch() })
  app.addHook('onClose', async () => { metrics.close() })
  if (route === false) return
  const { url, ...routeOptions } = typeof route === 'string' ? { url: route } : route
  app.get(url, { logLevel: 'warn', ...routeOptions }, async (request: FastifyRequest, reply: FastifyReply) => {
    const { type, text } = await metrics.text(request.headers.accept)
    return await reply.header('vary', 'accept').type(type).send(text)
  })
}

/**
 * Tells Prometheus of every pool of the app.
 *
 * @throws BadOptionError (`FST_BALANCER_BAD_OPTION`) for options that can not work, and without prom-client
 */
export const prometheus: FastifyPluginAsync<PrometheusOptions> = fastifyPlugin(plugin, { fastify: '5.x', name: 'fastify-balancer-prometheus' })

export default prometheus
