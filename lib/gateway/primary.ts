import { extname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.js'
import { BadOptionError } from '../errors.js'
import { sumOf, type MetricsParts } from '../prometheus/metrics.js'
import { assertPortFree, runPrimary, type Primary, type WorkerStatus } from '../workers/index.js'
import { Admin, adminAddressOf, listened, poolStatuses } from './admin.js'
import type { GatewayStatus } from './gateway.js'
import { METRICS, STATUS } from './names.js'
import { splitMessage } from './problems.js'
import type { Extensions } from './schema.js'
import { Sources, withSources, type SourcesByPool } from './sources.js'
import type { GatewayDocument, ListenOptions } from './types.js'
import { VERSION } from './version.js'

export interface GatewayPrimaryOptions {
  readonly log: FastifyBaseLogger
  readonly extensions: Extensions
  readonly clock: Clock
  /** Workers. */
  readonly count: number
  /** Milliseconds in which they must end when they have been told to. */
  readonly stopTimeout: number
}

/** Beside this module, and like it as it was written or as it was built. */
const PROGRAM = new URL(`worker${extname(import.meta.url)}`, import.meta.url)

/**
 * A gateway in several processes, with the same face as one that is alone. This one serves operators: it probes and discovers once for
 * all workers, and hands out documents.
 */
export class GatewayPrimary {
  readonly #options: GatewayPrimaryOptions
  readonly #log: FastifyBaseLogger
  readonly #started: number
  readonly #sources: Sources
  /** Of the pools of documents. */
  readonly #sourcesOf = new WeakMap<GatewayDocument['pools'], SourcesByPool>()
  #primary: Primary<GatewayDocument> | undefined
  #document: GatewayDocument | undefined
  #address: string | undefined
  #admin: Admin | undefined
  #reloads = 0
  #closing = false

  constructor (options: GatewayPrimaryOptions) {
    const { log, clock, extensions } = options
    this.#options = options
    this.#log = log
    this.#started = clock.now()
    this.#sources = new Sources(extensions, clock)
  }

  /**
   * @param document has been checked
   * @throws what the system says against the listeners, and FST_BALANCER_NO_WORKER when no worker can start
   */
  async start (document: GatewayDocument): Promise<void> {
    const { log, count, stopTimeout } = this.#options
    const { listen, admin } = document
    await assertFree(listen)
    const commit = await this.#prepareSources(document)
    const made = admin === undefined ? undefined : await this.#makeAdmin(admin)
    this.#admin = made
    try {
      this.#primary = await runPrimary<GatewayDocument>({
        count,
        program: PROGRAM,
        configuration: document,
        pools: ({ pools }) => withSources(pools, this.#sourcesOf.get(pools) ?? new Map()),
        log,
        stopTimeout,
        signals: [],
        exit: false
      })
    } catch (error) {
      await made?.close()
      throw error
    }
    commit()
    this.#document = document
    this.#address = await this.#findAddress()
    this.#log.info({ address: this.#address, admin: made?.address, version: VERSION, workers: count }, 'gateway started')
  }

  /**
   * Has one worker after another take on another document, all of them or none. Calls must not overlap.
   *
   * @param document has been checked
   * @throws what the first worker says against it; then all is as before
   */
  async reload (document: GatewayDocument): Promise<void> {
    const before = this.#document
    if (this.#primary === undefined || before === undefined || this.#closing) return
    if (isDeepStrictEqual(document, before)) {
      this.#log.info('the configuration is as before')
      return
    }
    const { listen, admin, log = {} } = document
    if (!isDeepStrictEqual(place(listen), place(before.listen))) await assertFree(listen)
    const commit = await this.#prepareSources(document)
    const otherAdmin = !isDeepStrictEqual(adminAddressOf(admin), adminAddressOf(before.admin))
    const next = otherAdmin && admin !== undefined ? await this.#makeAdmin(admin) : undefined
    try {
      await this.#primary.reload(document)
    } catch (error) {
      await next?.close()
      throw refusal(error)
    }
    commit()
    this.#document = document
    this.#log.level = log.level ?? 'info'
    if (otherAdmin) {
      await this.#admin?.close()
      this.#admin = next
    } else if (admin !== undefined) {
      this.#admin?.adjust(admin)
    }
    this.#address = await this.#findAddress()
    this.#reloads++
    this.#log.info({ reloads: this.#reloads, address: this.#address, admin: this.#admin?.address }, 'the configuration was read anew')
  }

  /** @throws Error when a worker has not ended in good order */
  async stop (): Promise<void> {
    this.#closing = true
    const orderly = await this.#primary?.stop() ?? true
    await this.#admin?.close()
    if (!orderly) throw new Error('a worker has not ended in good order')
  }

  /** Ends every worker at once. */
  kill (): void { this.#primary?.kill() }

  async #prepareSources ({ pools }: GatewayDocument): Promise<() => void> {
    const { sources, commit } = await this.#sources.prepare(pools)
    this.#sourcesOf.set(pools, sources)
    return commit
  }

  async #makeAdmin (options: NonNullable<GatewayDocument['admin']>): Promise<Admin> {
    const admin = new Admin({
      options,
      log: this.#log,
      upstreams: () => this.#primary?.upstreams ?? {},
      workers: () => ({ serving: this.#workers.filter(({ state }) => state === 'ready').length, of: this.#options.count }),
      closing: () => this.#closing,
      status: async () => await this.#status(),
      metrics: options.metrics === true ? async accept => await sumOf(await this.#metrics(), accept) : undefined
    })
    if (options.dashboard === true) this.#log.warn({ option: 'admin.dashboard' }, 'there is no dashboard with several workers: each sees only what it does itself')
    try {
      await listened('admin', admin.listen())
    } catch (error) {
      await admin.close()
      throw error
    }
    return admin
  }

  get #workers (): readonly WorkerStatus[] { return this.#primary?.workers ?? [] }

  async #status (): Promise<object> {
    const [totals, told] = await Promise.all([this.#primary?.totals(), this.#told()])
    return {
      version: VERSION,
      pid: process.pid,
      uptime: Math.round((this.#options.clock.now() - this.#started) / 1000),
      address: this.#address,
      reloads: this.#reloads,
      requests: [...told.values()].reduce((sum, { requests }) => sum + requests, 0),
      workers: this.#workers.map(worker => ({ ...worker, served: Math.round(worker.served / 1000), generations: told.get(worker.id)?.generations, requests: told.get(worker.id)?.requests })),
      spare: this.#primary?.spare ?? false,
      silent: totals?.silent ?? [],
      pools: poolStatuses(totals?.pools ?? {})
    }
  }

  async #metrics (): Promise<MetricsParts[]> {
    const collected = await this.#primary?.collect(METRICS) ?? []
    return collected.flatMap(answer => 'value' in answer ? [answer.value as MetricsParts] : [])
  }

  /** What each worker that answers says of itself. */
  async #told (): Promise<ReadonlyMap<number, GatewayStatus>> {
    const collected = await this.#primary?.collect(STATUS) ?? []
    return new Map(collected.flatMap(answer => 'value' in answer ? [[answer.worker, answer.value as GatewayStatus] as const] : []))
  }

  /** They listen in one place, and only they know where when it was left to the system. */
  async #findAddress (): Promise<string | undefined> {
    return [...(await this.#told()).values()][0]?.address ?? this.#address
  }
}

function place ({ host = '0.0.0.0', port = 8080 }: ListenOptions = {}): { readonly host: string, readonly port: number } {
  return { host: host === 'localhost' ? '127.0.0.1' : host, port }
}

/** Workers that find out do so one after another, and again and again. */
async function assertFree (listen: ListenOptions | undefined): Promise<void> {
  const { host, port } = place(listen)
  await assertPortFree({ host, port })
}

/** What a worker has said against a document, as it would be said by a gateway that is alone. */
function refusal (error: unknown): unknown {
  const { cause } = error as { cause?: unknown }
  if (!(cause instanceof Error)) return error
  return splitMessage(cause.message).path.length > 0 ? BadOptionError(cause.message) : cause
}
