import { isDeepStrictEqual } from 'node:util'
import type { FastifyBaseLogger } from 'fastify'
import { noTimer, systemClock, type Clock } from '../clock.js'
import type { Discovery } from '../discovery.js'
import type { Upstreams } from '../plugin.js'
import type { PoolOptions } from '../pool-options.js'
import type { Metrics } from '../prometheus/metrics.js'
import { routesOf } from '../traffic.js'
import { watch } from '../watch.js'
import { Admin, adminAddressOf, listened, poolStatuses } from './admin.js'
import { Front, type SharedListen } from './front.js'
import { Generation } from './generation.js'
import { serverTls, tlsFiles } from './listen-tls.js'
import { makeMetrics } from './metrics.js'
import { Pools, type OptionsOf } from './pools.js'
import type { Extensions } from './schema.js'
import { ADMIN, LISTEN, LOG, SHUTDOWN } from './standards.js'
import { Sources, withSources } from './sources.js'
import type { GatewayDocument, ListenOptions } from './types.js'
import { VERSION } from './version.js'

/** What a process that is one of several has from the others. */
export interface Alongside {
  /** Options of pools, with what somebody else finds out in place of probes and sources of discovery. */
  pools (options: Readonly<Record<string, PoolOptions>>): Readonly<Record<string, PoolOptions>>
  readonly listen: SharedListen
}

export interface GatewayStatus {
  readonly version: string
  readonly pid: number
  /** Seconds. */
  readonly uptime: number
  readonly address: string | undefined
  readonly reloads: number
  readonly generations: number
  /** Under way. */
  readonly requests: number
}

export interface RunningOptions {
  readonly log: FastifyBaseLogger
  readonly extensions: Extensions
  readonly clock?: Clock
  /** Others that serve the same. Default: there are none. */
  readonly alongside?: Alongside
}

/** Milliseconds from one look at the listener's certificate to the next. */
const TLS_INTERVAL = 1000

/** Milliseconds that the last words on former listeners have, once the grace is over. */
const LAST_WORDS = 100

/**
 * What a process of the gateway does: serves what a document says, takes on another one without losing a request, and stops in good
 * order. Calls wait for each other.
 */
export class Gateway {
  readonly #log: FastifyBaseLogger
  readonly #clock: Clock
  readonly #alongside: Alongside | undefined
  readonly #pools: Pools
  readonly #started: number
  readonly #closed = new Set<Promise<void>>()
  /** As it was asked for. */
  #asked: GatewayDocument | undefined
  /** What is in effect: without what waits for a restart. */
  #document: GatewayDocument | undefined
  #generation: Generation | undefined
  /** Generations that have requests to finish. */
  readonly #former = new Set<Generation>()
  #front: Front | undefined
  /** Listeners of before, with connections that go on. */
  readonly #formerFronts = new Set<Front>()
  #admin: Admin | undefined
  #metrics: Metrics | undefined
  #stopWatching = noTimer
  #requests = 0
  #reloads = 0
  #stopping: Promise<void> | undefined
  #queue: Promise<unknown> = Promise.resolve()

  constructor ({ log, extensions, clock = systemClock, alongside }: RunningOptions) {
    this.#log = log
    this.#clock = clock
    this.#alongside = alongside
    this.#pools = new Pools(log, clock, alongside === undefined ? alone(new Sources(extensions, clock)) : together(alongside))
    this.#started = clock.now()
  }

  /** Every pool of the moment by name. */
  get upstreams (): Upstreams { return this.#pools.upstreams }

  /** Where clients come in, as a URL; undefined before and after. */
  get address (): string | undefined { return this.#front?.address }

  get adminAddress (): string | undefined { return this.#admin?.address }

  /** What Prometheus is told; undefined when nobody wants to know. */
  get metrics (): Metrics | undefined { return this.#metrics }

  /** Sets of routes that are alive: the present one, and those with requests to finish. */
  get generations (): number { return this.#former.size + (this.#generation === undefined ? 0 : 1) }

  /**
   * @param document has been checked
   * @throws BadOptionError for what has changed since, and what the system says against the listeners
   */
  async start (document: GatewayDocument): Promise<void> {
    await this.#inTurn(async () => {
      try {
        await this.#change(document)
      } catch (error) {
        await this.#pools.destroy()
        throw error
      }
      this.#announce({ address: this.address, admin: this.adminAddress, version: VERSION }, 'gateway started')
    })
  }

  /**
   * Takes on another document, all at once or not at all. Pools, targets, listeners and connections that stay keep everything.
   *
   * @param document has been checked
   * @throws as `start` does; then all is as before
   */
  async reload (document: GatewayDocument): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#stopping !== undefined) return
      if (isDeepStrictEqual(document, this.#asked)) {
        // The files that it names may be others all the same.
        await this.#renewCertificate()
        this.#log.info('the configuration is as before')
        return
      }
      await this.#change(document)
      this.#reloads++
      this.#announce({ reloads: this.#reloads, address: this.address, admin: this.adminAddress }, 'the configuration was read anew')
    })
  }

  /** Closes everything in good order: no request is lost. Called again, it waits for the same end. */
  async stop (): Promise<void> {
    this.#stopping ??= this.#inTurn(async () => { await this.#stop() })
    await this.#stopping
  }

  /** Whoever has several of them says it once for all. */
  #announce (fields: object, message: string): void {
    this.#log[this.#alongside === undefined ? 'info' : 'debug'](fields, message)
  }

  async #inTurn<Result> (call: () => Promise<Result>): Promise<Result> {
    const before = this.#queue
    const turn = before.then(call, call)
    this.#queue = turn.catch(() => {})
    return await turn
  }

  async #renewCertificate (): Promise<void> {
    const { tls } = this.#document?.listen ?? {}
    if (tls !== undefined) this.#front?.secure(await serverTls(tls))
  }

  /** Everything that may fail comes first, and is undone when it does. From then on nothing is waited for. */
  async #change (document: GatewayDocument): Promise<void> {
    const { listen = {}, log = {} } = document
    // Operators are told by the primary, of all workers.
    const admin = this.#alongside === undefined ? document.admin : undefined
    const before = this.#document
    const undo: Array<() => unknown> = []
    try {
      const tls = listen.tls === undefined ? undefined : await serverTls(listen.tls)
      const pools = await this.#pools.prepare(document.pools)
      undo.push(pools.abandon)
      if (before === undefined && document.admin?.metrics === true) this.#metrics = await makeMetrics(() => this.upstreams)
      const generation = before !== undefined && this.#generation !== undefined && sameRoutes(before, document) ? undefined : await this.#makeGeneration(document, pools.pools)
      if (generation !== undefined) undo.push(async () => { await generation.app.close() })
      if (this.#generation === undefined) {
        // Whoever comes with the first listener finds it there.
        this.#generation = generation
        undo.push(() => { this.#generation = undefined })
      }

      const moved = !isDeepStrictEqual(addressOf(listen), addressOf(before?.listen)) || this.#front === undefined
      const front = moved ? this.#makeFront(document, tls) : undefined
      // Clients are let in when there is somewhere to send them; those who are in already are not made to wait.
      if (before === undefined) await pools.start()
      if (front !== undefined) {
        undo.push(() => { this.#leave(front) })
        await listened('listen', front.listen())
      }
      const otherAdmin = !isDeepStrictEqual(adminAddressOf(admin), adminAddressOf(this.#alongside === undefined ? before?.admin : undefined))
      const nextAdmin = otherAdmin && admin !== undefined ? await this.#makeAdmin(admin) : undefined

      const settled = moved ? listen : settledListen(listen, before?.listen ?? {})
      this.#asked = document
      this.#document = { ...document, listen: settled }
      if (before !== undefined) this.#tellOfRestarts(before, document, moved)
      pools.commit()
      this.#metrics?.watch()
      if (generation !== undefined && generation !== this.#generation) {
        this.#retire(this.#generation)
        this.#generation = generation
      }
      this.#log.level = log.level ?? LOG.level
      if (this.#generation !== undefined) this.#generation.app.log.level = this.#log.level
      if (front !== undefined) {
        this.#leave(this.#front)
        this.#front = front
      } else {
        this.#front?.adjust(listen)
        if (tls !== undefined && settled.tls !== undefined) this.#front?.secure(tls)
      }
      this.#front?.generationChanged()
      if (otherAdmin) {
        const former = this.#admin
        this.#admin = nextAdmin
        if (former !== undefined) this.#ends(former.close())
      } else if (admin !== undefined) {
        this.#admin?.adjust(admin)
      }
      this.#watchTls(settled)
    } catch (error) {
      for (const step of undo.reverse()) await step()
      throw error
    }
  }

  async #makeGeneration ({ listen = {}, log = {}, routes, guards }: GatewayDocument, pools: Upstreams | Readonly<Record<string, never>> | object): Promise<Generation> {
    return await Generation.make({
      listen,
      logRequests: log.requests ?? LOG.requests,
      log: this.#log,
      nextId: () => `req-${(this.#requests++).toString(36)}`,
      routes,
      guards,
      pools: pools as Upstreams
    })
  }

  #makeFront ({ listen = {}, shutdown = {} }: GatewayDocument, tls: Awaited<ReturnType<typeof serverTls>> | undefined): Front {
    return new Front({
      listen, tls, shutdown, log: this.#log, clock: this.#clock, current: () => this.#generation as Generation, pools: () => this.upstreams, closing: () => { this.#pools.retire() }, ...(this.#alongside === undefined ? undefined : { shared: this.#alongside.listen })
    })
  }

  async #makeAdmin (options: NonNullable<GatewayDocument['admin']>): Promise<Admin> {
    const metrics = this.#metrics
    const admin = new Admin({
      options,
      log: this.#log,
      upstreams: () => this.upstreams,
      closing: () => this.#stopping !== undefined,
      status: () => ({ ...this.status, pools: poolStatuses(this.upstreams) }),
      dashboard: options.dashboard === true ? { upstreams: () => this.upstreams, routes: () => this.#generation === undefined ? [] : routesOf(this.#generation.app) } : undefined,
      metrics: metrics === undefined ? undefined : async accept => await metrics.text(accept)
    })
    try {
      await listened('admin', admin.listen())
    } catch (error) {
      await admin.close()
      throw error
    }
    return admin
  }

  get status (): GatewayStatus {
    return {
      version: VERSION,
      pid: process.pid,
      uptime: Math.round((this.#clock.now() - this.#started) / 1000),
      address: this.address,
      reloads: this.#reloads,
      generations: this.generations,
      requests: (this.#generation?.active ?? 0) + [...this.#former].reduce((sum, { active }) => sum + active, 0)
    }
  }

  #retire (generation: Generation | undefined): void {
    if (generation === undefined) return
    this.#former.add(generation)
    this.#ends(generation.retire().finally(() => { this.#former.delete(generation) }))
  }

  #leave (front: Front | undefined): void {
    if (front === undefined) return
    this.#formerFronts.add(front)
    this.#ends(front.leave().finally(() => { this.#formerFronts.delete(front) }))
  }

  #ends (end: Promise<void>): void {
    const settled = end.catch((error: unknown) => { this.#log.error({ err: error }, 'something of a former configuration could not be closed') })
      .finally(() => { this.#closed.delete(settled) })
    this.#closed.add(settled)
  }

  #tellOfRestarts (before: GatewayDocument, after: GatewayDocument, moved: boolean): void {
    const changed = (one: unknown, other: unknown): boolean => !isDeepStrictEqual(one, other)
    const waiting = [
      ...(moved ? [] : (['http2', 'maxHeaderSize'] as const).filter(key => changed(before.listen?.[key], after.listen?.[key])).map(key => `listen.${key}`)),
      ...(!moved && (before.listen?.tls === undefined) !== (after.listen?.tls === undefined) ? ['listen.tls'] : []),
      ...(changed(before.log?.pretty, after.log?.pretty) ? ['log.pretty'] : []),
      ...(changed(before.workers, after.workers) ? ['workers'] : []),
      ...adminRestarts(before, after),
      ...(!moved && changed(before.shutdown, after.shutdown) ? ['shutdown'] : [])
    ]
    if (waiting.length > 0) this.#log.warn({ options: waiting }, 'these options take effect with a restart')
  }

  #watchTls ({ tls }: ListenOptions): void {
    this.#stopWatching()
    this.#stopWatching = noTimer
    const files = tlsFiles(tls)
    if (tls === undefined || files.length === 0) return
    this.#stopWatching = watch({
      clock: this.#clock,
      interval: TLS_INTERVAL,
      files,
      changed: async () => {
        try {
          this.#front?.secure(await serverTls(tls))
          this.#log.info({ files }, 'the certificate of the listener was read anew: new connections use it')
        } catch (error) {
          this.#log.error({ files, reason: (error as Error).message }, 'the certificate of the listener has changed and can not be used: the one before stays in use')
        }
      }
    })
  }

  async #stop (): Promise<void> {
    this.#stopWatching()
    for (const front of this.#formerFronts) front.endIdle()
    const { grace = SHUTDOWN.grace } = this.#document?.shutdown ?? {}
    const cancel = this.#clock.after(grace + LAST_WORDS, () => { for (const front of this.#formerFronts) front.cutOff() })
    try {
      await this.#front?.close()
      this.#retire(this.#generation)
      this.#generation = undefined
      await Promise.all(this.#closed)
    } finally {
      cancel()
      await this.#pools.destroy()
      await this.#admin?.close()
      this.#metrics?.close()
    }
  }
}

/** Options of an admin listener that stays, and of a listener for metrics, which there is or is not from the beginning. */
function adminRestarts ({ admin: before = {} }: GatewayDocument, { admin: after = {} }: GatewayDocument): string[] {
  const same = isDeepStrictEqual(adminAddressOf(before), adminAddressOf(after))
  return [
    ...(same ? (['dashboard', 'actions'] as const).filter(key => (before[key] ?? ADMIN[key]) !== (after[key] ?? ADMIN[key])) : []),
    ...((before.metrics ?? ADMIN.metrics) !== (after.metrics ?? ADMIN.metrics) ? ['metrics'] : [])
  ].map(key => `admin.${key}`)
}

/** Sources of its own. */
function alone (sources: Sources): OptionsOf {
  return async pools => {
    const { sources: made, commit } = await sources.prepare(pools)
    return { options: withSources(pools, made), commit }
  }
}

/** Never asked: what it would say comes from somebody else. */
const ELSEWHERE: Discovery = async function * () {}

function together (alongside: Alongside): OptionsOf {
  return async pools => {
    const elsewhere = new Map(Object.entries(pools).flatMap(([name, { discovery }]) => discovery === undefined ? [] : [[name, ELSEWHERE]]))
    return { options: alongside.pools(withSources(pools, elsewhere)), commit () {} }
  }
}

/** What a listener can not change without being another one. */
function addressOf ({ host = LISTEN.host, port = LISTEN.port }: ListenOptions = {}): object {
  return { host, port }
}

/** What a listener that stays goes by: some of its options are for good. */
function settledListen ({ http2: _, maxHeaderSize: __, tls, ...listen }: ListenOptions, { http2, maxHeaderSize, tls: former }: ListenOptions): ListenOptions {
  const kept = (tls === undefined) === (former === undefined) ? tls : former
  return {
    ...listen,
    ...(http2 === undefined ? undefined : { http2 }),
    ...(maxHeaderSize === undefined ? undefined : { maxHeaderSize }),
    ...(kept === undefined ? undefined : { tls: kept })
  }
}

/** Whether the routes of one document do for another: a generation that stays keeps what its guards have counted. */
function sameRoutes (before: GatewayDocument, after: GatewayDocument): boolean {
  const routing = ({ listen: { trustProxy, bodyLimit, caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes } = {}, log: { requests } = {}, routes, guards, pools }: GatewayDocument): unknown =>
    [trustProxy, bodyLimit, caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes, requests, routes, guards, Object.keys(pools).sort()]
  return isDeepStrictEqual(routing(before), routing(after))
}
