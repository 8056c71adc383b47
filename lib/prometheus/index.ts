import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Metric, MetricObjectWithValues, MetricValue, OpenMetricsContentType, Registry } from 'prom-client'
import { BadOptionError } from '../errors.js'
import { isFunction, isText, object } from '../option-types.js'
import { check, rule } from '../schema.js'
import { FAMILIES, Watch, type Family, type Watched } from './families.js'

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

const BUCKETS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

const OPEN_METRICS: OpenMetricsContentType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

const schema = object({
  register: rule('a Registry of prom-client', value => isFunction((value as { registerMetric?: unknown } | null)?.registerMetric)),
  prefix: rule('letters, digits and _, no digit first, or empty', isText(/^(?:[a-zA-Z_][\w]*)?$/)),
  buckets: rule('numbers > 0, smallest first', isAscending),
  route: rule("a path that begins with '/', a route with such a url, or false", value => value === false || isText(/^\//)((value as { url?: unknown } | null)?.url ?? value))
} satisfies Record<keyof PrometheusOptions, object>)

function isAscending (value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((bound, i) => Number.isFinite(bound) && bound > (i === 0 ? 0 : value[i - 1]))
}

/** The pools of an app, one snapshot of each for everything that is asked in the same moment. */
class Pools {
  readonly #app: FastifyInstance
  readonly #bounds: readonly number[]
  readonly #watches = new Map<string, Watch>()
  #now: readonly Watched[] | undefined

  constructor (app: FastifyInstance, bounds: readonly number[]) {
    this.#app = app
    this.#bounds = bounds
  }

  watch (): void {
    for (const [name, pool] of Object.entries(this.#app.upstreams ?? {})) {
      if (this.#watches.has(name)) continue
      const watch = new Watch(pool, this.#bounds)
      this.#watches.set(name, watch)
      pool.observe(watch)
    }
  }

  get now (): readonly Watched[] {
    if (this.#now === undefined) {
      this.#now = Array.from(this.#watches.values(), ({ watched }) => watched)
      queueMicrotask(() => { this.#now = undefined })
    }
    return this.#now
  }
}

/** A family as prom-client's registry takes it. Its values are read when it is scraped. */
class Collected {
  readonly name: string
  readonly help: string
  readonly type: Family['type']
  readonly aggregator: 'sum' | 'max'
  readonly #family: Family
  readonly #pools: Pools

  constructor (family: Family, prefix: string, pools: Pools) {
    this.name = prefix + family.name
    this.help = family.help
    this.type = family.type
    // What several processes say of one target is not to be added up.
    this.aggregator = /health|limit|weight|share|panicking|^targets$/.test(family.name) ? 'max' : 'sum'
    this.#family = family
    this.#pools = pools
  }

  async get (): Promise<object> {
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator, values: this.#family.samples(this.#pools.now, name) }
  }

  /** For `resetMetrics()`: what is read when it is asked for can not be reset. */
  reset (): void {}
}

const plugin: FastifyPluginAsync<PrometheusOptions> = async (app, options) => {
  check(schema, options)
  const { prefix = 'fastify_balancer_', buckets = BUCKETS, route = '/metrics' } = options
  const { Registry } = await promClient()
  const register = options.register ?? new Registry()
  const pools = new Pools(app, [...buckets])
  for (const family of FAMILIES) register.registerMetric(new Collected(family, prefix, pools) as unknown as Metric)
  app.addHook('onReady', async () => { pools.watch() })
  app.addHook('onClose', async () => { for (const { name } of FAMILIES) register.removeSingleMetric(prefix + name) })
  if (route === false) return
  const { url, ...routeOptions } = typeof route === 'string' ? { url: route } : route
  app.get(url, { logLevel: 'warn', ...routeOptions }, async (request: FastifyRequest, reply: FastifyReply) => {
    const open = wantsOpenMetrics(request.headers.accept)
    reply.header('vary', 'accept').type(open ? OPEN_METRICS : Registry.PROMETHEUS_CONTENT_TYPE)
    return open ? await openMetrics(register, openRegistry(Registry)) : await register.metrics()
  })
}

/**
 * prom-client takes `_total` off the name of a counter for good when it writes OpenMetrics, and would write the other format without it
 * from then on: it is given copies.
 */
async function openMetrics (register: Registry, open: Registry<OpenMetricsContentType>): Promise<string> {
  for (const metric of register.getMetricsAsArray() as unknown as Readable[]) {
    const name = metric.type === 'counter' ? metric.name.replace(/_total$/, '') : metric.name
    const get = async (): Promise<object> => ({ ...await (metric.getForPromString?.() ?? metric.get()), name })
    open.registerMetric({ name, help: metric.help, type: metric.type, get, getForPromString: get } as unknown as Metric)
  }
  return await open.metrics()
}

function openRegistry (Made: typeof Registry): Registry<OpenMetricsContentType> {
  const registry = new Made<OpenMetricsContentType>()
  registry.setContentType(OPEN_METRICS)
  return registry
}

interface Readable {
  readonly name: string
  readonly help: string
  readonly type: string
  get (): Promise<MetricObjectWithValues<MetricValue<string>>>
  getForPromString? (): Promise<MetricObjectWithValues<MetricValue<string>>>
}

/** Prometheus lists what it takes with weights; whoever takes OpenMetrics at all prefers it. */
function wantsOpenMetrics (accept = ''): boolean {
  return accept.split(',').some(item => {
    const [type = '', ...params] = item.split(';').map(part => part.trim().toLowerCase())
    return type === 'application/openmetrics-text' && !params.some(param => /^q=0(?:\.0*)?$/.test(param))
  })
}

async function promClient (): Promise<typeof import('prom-client')> {
  try {
    return await import('prom-client')
  } catch {
    throw BadOptionError('prometheus: needs the package prom-client, which can not be loaded: npm install prom-client')
  }
}

/**
 * Tells Prometheus of every pool of the app.
 *
 * @throws BadOptionError (`FST_BALANCER_BAD_OPTION`) for options that can not work, and without prom-client
 */
export const prometheus: FastifyPluginAsync<PrometheusOptions> = fastifyPlugin(plugin, { fastify: '5.x', name: 'fastify-balancer-prometheus' })

export default prometheus
