import { Dispatcher } from 'undici'
import type { Clock } from './clock.js'
import { BadOptionError, NoTargetError, PoolClosedError, show } from './errors.js'
import { Exchange, type ExchangeOptions, type ExchangeSettings } from './exchange.js'
import { callbackHandler } from './handler.js'
import { Prober, type ProberSettings } from './health/active.js'
import type { Observer } from './observer.js'
import type { Outcome } from './outcome.js'
import type { Policy } from './policy.js'
import type { Retry } from './retry.js'
import { Target, targetConfig, targetUrl, type TargetConfig, type TargetSettings, type TargetSnapshot, type Timeouts } from './target.js'
import type { Tls } from './tls.js'

/** The part of a logger that a pool uses; Fastify's has it. */
export interface PoolLogger {
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

/** A pool's options, checked and complete. */
export interface PoolSettings extends TargetSettings {
  readonly name: string
  readonly targets: ReadonlyArray<Required<TargetConfig>>
  readonly policy: Policy
  readonly retry: Retry
  readonly retries: number
  readonly replayBytes: number
  /** Share of usable targets below which health is ignored. */
  readonly panic: number
  /** What the probes need; undefined when there are none. */
  readonly health: (Omit<ProberSettings, 'onVerdict' | 'clock' | 'tls'> & { readonly initial: 'up' | 'down' }) | undefined
  readonly tls: Tls
  readonly observers: readonly Observer[]
  readonly log: PoolLogger
  readonly clock: Clock
}

/** undici's options for a request, and what the pool's policy goes by. */
export type PoolRequestOptions<Opaque = null> = Dispatcher.RequestOptions<Opaque> & Pick<ExchangeOptions, 'key' | 'attempts'>

/** What `request` takes here besides what undici's types say. */
export interface Pool {
  request<Opaque = null> (options: PoolRequestOptions<Opaque>): Promise<Dispatcher.ResponseData<Opaque>>
  request<Opaque = null> (options: PoolRequestOptions<Opaque>, callback: (error: Error | null, data: Dispatcher.ResponseData<Opaque>) => void): void
}

/**
 * A named set of targets that answers like one server: an undici `Dispatcher` whose `dispatch` picks a target, sends,
 * and moves on to another one when that is safe.
 *
 * `request`, `stream`, `pipeline`, `upgrade` and `compose` come with being a Dispatcher, as does
 * `fetch(url, { dispatcher: pool })`. The origin of a request is ignored: the pool has its own.
 */
export class Pool extends Dispatcher {
  readonly name: string
  readonly #settings: PoolSettings
  readonly #exchanges: ExchangeSettings
  readonly #prober: Prober | undefined
  /** In joining order. Like `#available` it is replaced, never changed in place. */
  #targets: readonly Target[] = []
  #available: readonly Target[] = []
  /** Those that have yet to pass their first probe. */
  readonly #newcomers = new Set<Target>()
  /** Those that left and have requests to finish. */
  readonly #leaving = new Set<Target>()
  #panicking = false
  #started = false
  #nextId = 0
  #closed = false
  #destroyed = false

  constructor (settings: PoolSettings) {
    super()
    this.name = settings.name
    this.#settings = settings
    this.#exchanges = {
      clock: settings.clock,
      policy: settings.policy,
      retry: settings.retry,
      retries: settings.retries,
      replayBytes: settings.replayBytes,
      idle: settings.timeouts.idle,
      // What is in flight when the pool closes may finish, but nothing new is begun for it.
      available: () => this.#closed ? [] : this.#available,
      settled: (target, outcome) => { this.#settled(target, outcome) }
    }
    this.#targets = settings.targets.map(config => this.#target(config))
    if (settings.health !== undefined) {
      const { initial, ...health } = settings.health
      this.#prober = new Prober({
        ...health, clock: settings.clock, tls: settings.tls, onVerdict: (target, down) => { this.#judge(target, down) }
      })
      for (const target of this.#targets) this.#watch(target, initial === 'up')
    }
    this.#refresh()
  }

  /** Starts the probes, if the pool has any, and the looks at TLS files. Until then every target is what `health.initial` says. */
  start (): void {
    if (this.#closed) return
    this.#started = true
    this.#settings.tls.start()
    this.#prober?.start()
  }

  /** Stops the probes and the looks at TLS files; requests go on. */
  stop (): void {
    this.#settings.tls.stop()
    this.#prober?.stop()
  }

  /** The app begins to close: WebSockets get their grace, everything else goes on. */
  retire (): void {
    this.stop()
    for (const target of this.#targets) target.retire()
  }

  /** The limits in effect, in milliseconds. */
  get timeouts (): Timeouts { return this.#settings.timeouts }

  /** The targets as they are now, in joining order: copies, for looking at. */
  get targets (): readonly TargetSnapshot[] {
    return this.#targets.map(target => target.snapshot())
  }

  /** Whether fewer targets are up than the panic threshold asks for, so that health is ignored. */
  get panicking (): boolean { return this.#panicking }

  get closed (): boolean { return this.#closed }
  get destroyed (): boolean { return this.#destroyed }

  /**
   * Lets a target join. With health checks on, it gets traffic after its first good probe.
   *
   * @throws BadOptionError for a bad URL or weight, or when the target is a member already
   */
  add (target: string | TargetConfig): void {
    const config = targetConfig(target, 'target')
    if (this.#find(config.url) !== undefined) throw BadOptionError(`target: '${config.url}' is in pool '${this.name}' already`)
    this.#join([config])
  }

  /**
   * Takes a target out: no new requests from now on.
   *
   * @returns settles when what was in flight has finished and the target's connections are closed
   * @throws BadOptionError when there is no such target
   */
  async remove (url: string): Promise<void> {
    const target = this.#member(url)
    await this.#leave([target])
  }

  /**
   * Gives a target no new requests, or with `false` gives it traffic again. What is in flight finishes.
   *
   * @throws BadOptionError when there is no such target
   */
  drain (url: string, drained = true): void {
    const target = this.#member(url)
    this.#change(target, () => { target.drain(drained) }, drained ? 'drained' : 'no longer drained')
  }

  /**
   * Makes `list` the members. Those that stay keep everything (connections, counters, health, their place in the
   * rotation) and take on the new weight. Nothing changes when the list has a mistake in it.
   *
   * @returns settles when the targets that left have finished what was in flight
   * @throws BadOptionError for a bad URL or weight, or a target that is listed twice
   */
  async set (list: ReadonlyArray<string | TargetConfig>): Promise<void> {
    if (!Array.isArray(list)) throw BadOptionError(`targets: ${show(list)}, must be a list`)
    const configs = list.map((target, i) => targetConfig(target, `targets[${i}]`))
    assertDistinct(configs, 'targets')
    const wanted = new Map(configs.map(config => [config.url, config]))
    for (const target of this.#targets) {
      const weight = wanted.get(target.url)?.weight
      if (weight !== undefined && weight !== target.weight) {
        this.#change(target, () => { target.weight = weight }, `weight ${weight}`)
      }
    }
    this.#join(configs.filter(config => this.#find(config.url) === undefined))
    await this.#leave(this.#targets.filter(target => !wanted.has(target.url)))
  }

  override dispatch (options: ExchangeOptions, handler: Dispatcher.DispatchHandler): boolean {
    const receiver = callbackHandler(handler)
    if (this.#closed) receiver.onError(PoolClosedError())
    else if (this.#available.length === 0) receiver.onError(NoTargetError())
    else new Exchange(this.#exchanges, options, receiver).start()
    return true
  }

  override close (): Promise<void>
  override close (callback: () => void): void
  override close (callback?: () => void): Promise<void> | undefined {
    return this.#end(callback, async () => {
      await Promise.all([...this.#targets, ...this.#leaving].map(async target => { await target.close() }))
    })
  }

  override destroy (): Promise<void>
  override destroy (error: Error | null): Promise<void>
  override destroy (callback: () => void): void
  override destroy (error: Error | null, callback: () => void): void
  override destroy (error?: Error | null | (() => void), callback?: () => void): Promise<void> | undefined {
    const reason = error instanceof Error ? error : PoolClosedError()
    return this.#end(typeof error === 'function' ? error : callback, async () => {
      this.#destroyed = true
      await Promise.all([...this.#targets, ...this.#leaving].map(async target => { await target.destroy(reason) }))
    })
  }

  #end (callback: (() => void) | undefined, end: () => Promise<void>): Promise<void> | undefined {
    this.#closed = true
    this.stop()
    const ended = end()
    if (callback === undefined) return ended
    void ended.then(callback)
    return undefined
  }

  #target (config: Required<TargetConfig>): Target {
    return new Target(config, this.#nextId++, this.#settings)
  }

  #find (url: string): Target | undefined {
    return this.#targets.find(target => target.url === url)
  }

  #member (url: string): Target {
    const target = this.#find(targetUrl(url, 'url'))
    if (target === undefined) {
      throw BadOptionError(`url: '${url}' is not in pool '${this.name}', which has ${this.#targets.map(({ url }) => url).join(', ') || 'no targets'}`)
    }
    return target
  }

  #join (configs: ReadonlyArray<Required<TargetConfig>>): void {
    const joining = configs.map(config => this.#target(config))
    this.#targets = [...this.#targets, ...joining]
    for (const target of joining) {
      this.#settings.log.info({ pool: this.name, target: target.url }, 'target joined')
      if (this.#closed) continue
      // Before the start there is nothing to choose between: it counts as configured.
      this.#watch(target, !this.#started && this.#settings.health?.initial === 'up')
    }
    this.#refresh()
  }

  #watch (target: Target, up: boolean): void {
    if (this.#prober === undefined) return
    if (!up) {
      target.judge(NOT_PROBED)
      this.#newcomers.add(target)
    }
    this.#prober.watch(target, up, up)
  }

  async #leave (leaving: readonly Target[]): Promise<void> {
    this.#targets = this.#targets.filter(target => !leaving.includes(target))
    for (const target of leaving) {
      this.#prober?.unwatch(target)
      this.#newcomers.delete(target)
      this.#leaving.add(target)
      this.#settings.log.info({ pool: this.name, target: target.url, inFlight: target.inFlight }, 'target left')
    }
    this.#refresh()
    await Promise.all(leaving.map(async target => {
      await target.close()
      this.#leaving.delete(target)
    }))
  }

  /** The probes have changed their mind about a target. */
  #judge (target: Target, down: string | undefined): void {
    if (down === undefined) this.#newcomers.delete(target)
    else if (this.#newcomers.has(target)) this.#settings.log.warn({ pool: this.name, target: target.url, reason: down }, 'target failed its first probe')
    this.#change(target, () => { target.judge(down) }, down ?? 'probes succeed')
  }

  /** Every change of a target's weight or health: carries it out, then tells the log and the observers. */
  #change (target: Target, change: () => void, reason: string): void {
    const was = target.health
    change()
    this.#refresh()
    const { health } = target
    if (health === was) return
    // What ends may uncover something else: a target that went down while it was drained.
    const why = target.reason ?? reason
    const fields = { pool: this.name, target: target.url, was, health, reason: why }
    if (health === 'down') this.#settings.log.warn(fields, 'target is down')
    else this.#settings.log.info(fields, `target is ${health}`)
    for (const observer of this.#settings.observers) {
      this.#tell(() => observer.healthChanged?.(target, was, why))
    }
  }

  /** Works out once, when a fact changes, what every pick relies on. */
  #refresh (): void {
    const staying = this.#targets.filter(target => target.health !== 'draining')
    const up = staying.filter(target => target.health === 'up')
    // A newcomer gives no reason to panic, and gets no traffic from it unless there is nobody else.
    const usable = up.length === 0 ? staying : staying.filter(target => !this.#newcomers.has(target))
    const panicking = up.length < usable.length && (up.length === 0 || up.length < usable.length * this.#settings.panic)
    this.#available = panicking ? usable : up
    if (panicking === this.#panicking) return
    this.#panicking = panicking
    const fields = { pool: this.name, up: up.length, of: usable.length }
    if (panicking) this.#settings.log.warn(fields, 'too few targets are up: all are used')
    else this.#settings.log.info(fields, 'enough targets are up again')
  }

  #settled (target: Target, outcome: Outcome): void {
    for (const observer of this.#settings.observers) {
      this.#tell(() => observer.settled?.(target, outcome))
    }
  }

  #tell (call: () => unknown): void {
    const failed = (error: unknown): void => { this.#settings.log.error({ pool: this.name, err: error }, 'an observer failed') }
    try {
      const told = call()
      // Nobody waits for one that is asynchronous, but it must not bring the process down either.
      if (told instanceof Promise) told.catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}

const NOT_PROBED = 'not probed yet'

/** @throws BadOptionError when a target is listed twice, in whatever spelling */
export function assertDistinct (configs: ReadonlyArray<TargetConfig>, path: string): void {
  const seen = new Map<string, number>()
  configs.forEach(({ url }, i) => {
    const before = seen.get(url)
    if (before !== undefined) throw BadOptionError(`${path}[${i}]: '${url}' is listed already, as ${path}[${before}]`)
    seen.set(url, i)
  })
}
