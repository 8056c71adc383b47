import type { Metric, MetricObjectWithValues, MetricValue, OpenMetricsContentType, Registry } from 'prom-client'
import { BadOptionError } from '../errors.js'
import type { Pool } from '../pool.js'
import { FAMILIES, Watch, type Family, type Watched } from './families.js'

export interface MetricsOptions {
  readonly register?: Registry | undefined
  readonly prefix?: string | undefined
  readonly buckets?: readonly number[] | undefined
}

/** An exposition, and what it is written in. */
export interface Exposition {
  readonly type: string
  readonly text: string
}

/** What one process tells of its metrics, for another to sum up. */
export type MetricsParts = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

type PoolsByName = Readonly<Record<string, Pool>>

const BUCKETS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

const OPEN_METRICS: OpenMetricsContentType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** What Prometheus is told of pools. */
export class Metrics {
  readonly register: Registry
  readonly #prefix: string
  readonly #pools: Pools

  private constructor (register: Registry, prefix: string, pools: Pools) {
    this.register = register
    this.#prefix = prefix
    this.#pools = pools
  }

  /**
   * @param upstreams the pools of the moment
   * @throws BadOptionError without prom-client
   */
  static async make ({ register, prefix = 'fastify_balancer_', buckets = BUCKETS }: MetricsOptions, upstreams: () => PoolsByName): Promise<Metrics> {
    const { Registry } = await promClient()
    const registry = register ?? new Registry()
    const pools = new Pools(upstreams, [...buckets])
    for (const { name } of FAMILIES) {
      const taken = prefix + name
      if (registry.getSingleMetric(taken) !== undefined) throw BadOptionError(`register: has ${taken} already, must have none of these names: give another prefix, or another register`)
    }
    for (const family of FAMILIES) registry.registerMetric(new Collected(family, prefix, pools) as unknown as Metric)
    return new Metrics(registry, prefix, pools)
  }

  /** Begins to count what happens in pools that are new, and forgets those that have left. */
  watch (): void { this.#pools.watch() }

  /** @param accept of the request: OpenMetrics for whoever takes it */
  async text (accept?: string): Promise<Exposition> { return await exposition(this.register, accept) }

  /** For `sumOf` in another process. */
  async parts (): Promise<MetricsParts> { return await this.register.getMetricsAsJSON() }

  close (): void {
    for (const { name } of FAMILIES) this.register.removeSingleMetric(this.#prefix + name)
    this.#pools.close()
  }
}

/** The metrics of several processes as those of one: counts are summed, and of what each says of the same target the most is taken. */
export async function sumOf (processes: readonly MetricsParts[], accept?: string): Promise<Exposition> {
  const { AggregatorRegistry } = await promClient()
  return await exposition(AggregatorRegistry.aggregate([...processes]) as Registry, accept)
}

async function exposition (register: Registry, accept: string | undefined): Promise<Exposition> {
  const { Registry } = await promClient()
  return wantsOpenMetrics(accept)
    ? { type: OPEN_METRICS, text: await openMetrics(register, openRegistry(Registry)) }
    : { type: Registry.PROMETHEUS_CONTENT_TYPE, text: await plainText(register, new Registry()) }
}

/** Pools, one snapshot of each for everything that is asked in the same moment. */
class Pools {
  readonly #upstreams: () => PoolsByName
  readonly #bounds: readonly number[]
  readonly #watches = new Map<Pool, { readonly watch: Watch, readonly end: () => void }>()
  #now: readonly Watched[] | undefined

  constructor (upstreams: () => PoolsByName, bounds: readonly number[]) {
    this.#upstreams = upstreams
    this.#bounds = bounds
  }

  watch (): void {
    const pools = new Set(Object.values(this.#upstreams()))
    for (const [pool, { end }] of this.#watches) {
      if (pools.has(pool)) continue
      end()
      this.#watches.delete(pool)
    }
    for (const pool of pools) {
      if (this.#watches.has(pool)) continue
      const watch = new Watch(pool, this.#bounds)
      this.#watches.set(pool, { watch, end: pool.observe(watch) })
    }
  }

  close (): void {
    for (const { end } of this.#watches.values()) end()
    this.#watches.clear()
  }

  get now (): readonly Watched[] {
    if (this.#now === undefined) {
      this.#now = Array.from(this.#watches.values(), ({ watch: { watched } }) => watched)
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

/** A registry that is set to OpenMetrics, as exemplars need it, would write that. */
async function plainText (register: Registry, plain: Registry): Promise<string> {
  if ((register as { contentType?: string }).contentType === plain.contentType) return await register.metrics()
  for (const metric of register.getMetricsAsArray()) plain.registerMetric(metric as unknown as Metric)
  return await plain.metrics()
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
