import { Dispatcher } from 'undici'
import { Admission, type AdmissionSettings } from './admission.js'
import type { Affinity } from './affinity.js'
import type { Answered, Attempt } from './attempt.js'
import { Chain } from './chain.js'
import type { Clock } from './clock.js'
import { poolCounters, type PoolCounters } from './counters.js'
import { BadOptionError, NoTargetError, PoolClosedError, QueueFullError, show, TooManyStreamsError } from './errors.js'
import { reasonOf, withoutQuery } from './events.js'
import { Expiries } from './expiry.js'
import { Exchange, type ExchangeOptions, type ExchangeSettings, type RetrySettings } from './exchange.js'
import { callbackHandler, type Handler } from './handler.js'
import { DrainAsked, Prober, type ProberSettings } from './health/active.js'
import { Drains } from './health/drains.js'
import { Ejector, type BreakerSettings } from './health/ejector.js'
import type { Explanation } from './explanation.js'
import type { Hedge } from './hedge.js'
import type { KeyReader } from './key.js'
import type { Observer } from './observer.js'
import { Observers } from './observers.js'
import type { Outcome } from './outcome.js'
import { printable } from './printable.js'
import { Recorder } from './recorder.js'
import { Selection, type SelectionSettings } from './selection.js'
import { supposed, type SupposedRequest } from './supposed.js'
import { Target, type TargetSettings, type TargetSnapshot, type Timeouts } from './target.js'
import { targetConfig, targetUrl, type CompleteTarget, type TargetConfig } from './target-config.js'
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
  /** Name of the policy, `own` for a function of the user's. */
  readonly policy: string
  readonly targets: readonly CompleteTarget[]
  /** Reads what the policy hashes; undefined when it does not. */
  readonly keyOf: KeyReader | undefined
  readonly selection: Omit<SelectionSettings, 'clock' | 'limited'>
  readonly retry: RetrySettings
  readonly hedge: Hedge | undefined
  readonly admission: AdmissionSettings
  /** Passive health; undefined when there is none. */
  readonly breaker: BreakerSettings | undefined
  /** Sticky sessions; undefined when there are none. */
  readonly affinity: Affinity | undefined
  /** Field of an answer by which a target asks to be drained, in lower case; undefined when none is heeded. */
  readonly drainHeader: string | undefined
  /** What the probes need; undefined when there are none. */
  readonly health: (Omit<ProberSettings, 'onVerdict' | 'clock' | 'tls'> & { readonly initial: 'up' | 'down' }) | undefined
  readonly tls: Tls
  readonly observers: readonly Observer[]
  readonly log: PoolLogger
  readonly clock: Clock
}

/** A pool as seen from outside: a copy, nothing in it changes later. */
export interface PoolSnapshot {
  readonly name: string
  /** Name of the policy; `own` for a function of the user's. */
  readonly policy: string
  /** Whether too few targets are up, so that health is ignored. */
  readonly panicking: boolean
  /** What is under way: requests, streams (counted apart), and requests in line. */
  readonly load: { readonly inFlight: number, readonly streams: number, readonly waiting: number }
  /** How much of it there may be; 0 is no limit, but for the queue, which with 0 there is none of. */
  readonly limits: { readonly inFlight: number, readonly queue: number, readonly streams: number }
  /** Retries that could be made now; undefined without a budget. */
  readonly budgetLeft: number | undefined
  readonly counters: Readonly<PoolCounters>
  /** In joining order. */
  readonly targets: readonly TargetSnapshot[]
}

/** undici's options for a request, and what the pool's policy goes by. */
export type PoolRequestOptions<Opaque = null> = Dispatcher.RequestOptions<Opaque> & Pick<ExchangeOptions, 'key' | 'attempts' | 'timeout' | 'importance'>

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
  readonly #counters = poolCounters()
  readonly #observers: Observers
  readonly #exchanges: ExchangeSettings
  readonly #selection: Selection
  readonly #admission: Admission
  readonly #prober: Prober | undefined
  readonly #ejector: Ejector | undefined
  readonly #drains: Drains
  readonly #expiries: Expiries
  /** Under way or in line. */
  readonly #running = new Chain<Exchange>()
  /** What else is to be ended when the time of a pool that closes is over. */
  readonly #lingering = new Set<() => void>()
  /** In joining order. It is replaced, never changed in place. */
  #targets: readonly Target[] = []
  /** Those that have yet to pass their first probe. */
  readonly #newcomers = new Set<Target>()
  /** Those that left and have requests to finish. */
  readonly #leaving = new Set<Target>()
  #started = false
  #retired = false
  #cancelGrace: (() => void) | undefined
  #graceOver = false
  #nextId = 0
  #closed = false
  #destroyed = false

  constructor (settings: PoolSettings) {
    super()
    this.name = settings.name
    this.#settings = settings
    const { clock, timeouts, limits, tls } = settings
    this.#observers = new Observers(settings.name, settings.observers, error => {
      settings.log.error({ pool: settings.name, err: error }, 'an observer failed')
    })
    const limited = limits.target > 0 || limits.connections > 0 || limits.adaptive !== undefined
    this.#selection = new Selection({ ...settings.selection, clock, limited })
    this.#admission = new Admission(clock, settings.admission, () => this.#selection.hasRoom(), this.#counters)
    const change = (target: Target, change: () => void, reason: string): void => { this.#change(target, change, reason) }
    this.#drains = new Drains(clock, change)
    if (settings.breaker !== undefined) {
      this.#ejector = new Ejector({
        ...settings.breaker, clock, tls, timeout: timeouts.connect || DEFAULT_CONNECT, counters: this.#counters, members: () => this.#targets, change
      })
    }
    this.#expiries = new Expiries(clock, [timeouts.headers, timeouts.idle])
    this.#exchanges = {
      clock,
      expiries: this.#expiries,
      try: timeouts.try,
      headers: timeouts.headers,
      idle: timeouts.idle,
      total: timeouts.total,
      drainHeader: settings.drainHeader,
      retry: settings.retry,
      hedge: settings.hedge,
      selection: this.#selection,
      admission: this.#admission,
      counters: this.#counters,
      attempted: (attempt, exchange) => this.#attempted(attempt, exchange),
      heard: (target, answer) => { this.#heard(target, answer) },
      settled: (attempt, outcome) => { this.#settled(attempt, outcome) },
      ended: (exchange, error) => { this.#ended(exchange, error) }
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
    this.#ejector?.stop()
    this.#drains.stop()
    this.#expiries.stop()
  }

  /** The app begins to close: what is under way may go on for as long as the grace, and is ended then. */
  retire (): void {
    if (this.#retired) return
    this.#retired = true
    this.stop()
    for (const target of this.#targets) target.retire()
    const { clock, timeouts: { grace } } = this.#settings
    if (grace > 0) this.#cancelGrace = clock.after(grace, () => { this.endAll() })
  }

  /** Whether the app has begun to close: connections that answers go out on are not to be used again. */
  get retired (): boolean { return this.#retired }

  /** Has `end` called when the app closes and its time is over, or is already, unless the function that is returned is called before. */
  atGraceEnd (end: () => void): () => void {
    if (this.#graceOver) end()
    else this.#lingering.add(end)
    return () => { this.#lingering.delete(end) }
  }

  /** Field of an answer by which a target asks to be drained, which is nobody else's business. */
  get drainHeader (): string | undefined { return this.#settings.drainHeader }

  /** Sticky sessions, if the pool has them. */
  get affinity (): Affinity | undefined { return this.#settings.affinity }

  /** What is under way and what waits: requests let in, streams among them counted apart, and requests in line. */
  get load (): { readonly inFlight: number, readonly streams: number, readonly waiting: number } {
    const { inFlight, streams, waiting } = this.#admission
    return { inFlight, streams, waiting }
  }

  /** The limits in effect, in milliseconds. */
  get timeouts (): Timeouts { return this.#settings.timeouts }

  /** The targets as they are now, in joining order: copies, for looking at. */
  get targets (): readonly TargetSnapshot[] {
    return this.#targets.map(target => target.snapshot())
  }

  /** Everything that there is to see of the pool now: a copy, made when it is asked for. */
  snapshot (): PoolSnapshot {
    const { name, policy, admission: { inFlight, streams, queue }, retry } = this.#settings
    return {
      name,
      policy,
      panicking: this.panicking,
      load: this.load,
      limits: { inFlight, queue: queue.size, streams },
      budgetLeft: retry.budget?.left,
      counters: { ...this.#counters },
      targets: this.targets
    }
  }

  /**
   * Has an observer told of what happens from now on, as those in the options are.
   *
   * @returns takes it out again
   */
  observe (observer: Observer): () => void { return this.#observers.add(observer) }

  /** Whether fewer targets are up than the panic threshold asks for, so that health is ignored. */
  get panicking (): boolean { return this.#selection.panicking }

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
   * @returns settles when what was in flight has finished, streams after `timeouts.grace` at the latest, and the target's
   *   connections are closed
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
      const config = wanted.get(target.url)
      if (config === undefined) continue
      const { weight, priority, zone } = config
      if (weight === target.weight && priority === target.priority && zone === target.zone) continue
      this.#change(target, () => { Object.assign(target, { weight, priority, zone }) }, `weight ${weight}`)
    }
    this.#join(configs.filter(config => this.#find(config.url) === undefined))
    await this.#leave(this.#targets.filter(target => !wanted.has(target.url)))
  }

  /**
   * How such a request would be decided upon if it came now: who would be picked, from whom and why, and who would be left out. Nothing
   * is changed by asking: no turn is taken, nothing is counted.
   *
   * @param request what is known of it; a text is its key
   * @throws BadOptionError for a request that makes no sense
   */
  explain (request: string | SupposedRequest = {}): Explanation {
    const { name, policy, keyOf, affinity, retry, clock } = this.#settings
    const foreseen = this.#closed ? PoolClosedError() : this.#selection.empty ? NoTargetError() : undefined
    return supposed(request, {
      clock,
      pool: name,
      policy,
      retry,
      keyOf,
      affinity,
      view: this.#selection.view,
      enters: stream => {
        if (foreseen !== undefined) return foreseen
        const entry = this.#admission.foresee(stream)
        if (entry === 'queue_full') return QueueFullError()
        if (entry === 'too_many_streams') return TooManyStreamsError()
        return entry === 'waits' ? this.#admission.waiting : undefined
      }
    })
  }

  /** Takes down how a request is decided upon, which is dispatched with it as its `trace`. */
  recorder (method: string, path: string): Recorder {
    const { clock, name, policy, retry: { rule } } = this.#settings
    return new Recorder({ clock, pool: name, policy, rule }, method, path)
  }

  override dispatch (options: ExchangeOptions, handler: Dispatcher.DispatchHandler): boolean {
    const receiver = callbackHandler(handler)
    if (this.#closed) {
      this.refuse(options, receiver, PoolClosedError())
    } else if (this.#selection.empty) {
      this.#counters.noTarget++
      options.trace?.choosing(this.#selection.view, NO_CHOICE, [], true)
      this.refuse(options, receiver, NoTargetError())
    } else {
      const exchange = new Exchange(this.#exchanges, options, receiver)
      this.#running.append(exchange)
      exchange.start()
    }
    return true
  }

  /** Answers a request with an error before it is let in. It counts as one of the pool's, and is told of like any other. */
  refuse ({ method, path, request, attempts = [], listener, trace }: ExchangeOptions, handler: Pick<Handler, 'onError'>, error: Error): void {
    this.#counters.requests++
    trace?.ended(error)
    const listens = listener?.wantsEnd(error) === true
    if (listens || this.#observers.wantEnds) {
      const { statusCode: status } = error as { statusCode?: number }
      const end = {
        pool: this.name, request, method, path: withoutQuery(path), status, code: reasonOf(error), error, ms: 0, waited: 0, target: undefined, attempts
      }
      if (listens) listener.ended(end)
      this.#observers.ended(end)
    }
    handler.onError(error)
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
    this.#cancelGrace?.()
    this.#admission.close(PoolClosedError)
    this.#refresh()
    const ended = end().then(() => { this.#expiries.stop() })
    if (callback === undefined) return ended
    void ended.then(callback)
    return undefined
  }

  /** The time of what is under way is over: streams end as if their targets had ended them, WebSockets with 1001, the rest is cut off. */
  endAll (): void {
    this.#graceOver = true
    for (const target of this.#targets) target.endHeld()
    for (const exchange of this.#running.members()) {
      if (exchange.endless) exchange.finish()
      else exchange.abort(PoolClosedError())
    }
    for (const end of [...this.#lingering]) end()
  }

  #target (config: CompleteTarget): Target {
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

  #join (configs: readonly CompleteTarget[]): void {
    const joining = configs.map(config => this.#target(config))
    this.#targets = [...this.#targets, ...joining]
    for (const target of joining) {
      this.#settings.log.info({ pool: this.name, target: target.url }, 'target joined')
      this.#observers.membership(target, 'joined')
      if (this.#closed) continue
      // Before the start there is nothing to choose between: it counts as configured.
      this.#watch(target, !this.#started && this.#settings.health?.initial === 'up')
      if (this.#started) target.standing.startSlowly()
    }
    this.#refresh()
  }

  #watch (target: Target, up: boolean): void {
    if (this.#prober === undefined) return
    if (!up) {
      target.standing.awaitProbe(NOT_PROBED)
      this.#newcomers.add(target)
    }
    this.#prober.watch(target, up, up)
  }

  async #leave (leaving: readonly Target[]): Promise<void> {
    this.#targets = this.#targets.filter(target => !leaving.includes(target))
    for (const target of leaving) {
      this.#prober?.unwatch(target)
      this.#ejector?.forget(target)
      this.#drains.forget(target)
      this.#newcomers.delete(target)
      this.#leaving.add(target)
      this.#settings.log.info({ pool: this.name, target: target.url, inFlight: target.inFlight }, 'target left')
      this.#observers.membership(target, 'left')
    }
    this.#refresh()
    await Promise.all(leaving.map(async target => {
      const { clock, timeouts: { grace } } = this.#settings
      // Ordinary answers come to an end by themselves; the next event may be days away.
      const cancel = grace === 0 ? undefined : clock.after(grace, () => { this.#endStreams(target) })
      await target.close()
      cancel?.()
      this.#leaving.delete(target)
    }))
  }

  #endStreams (target: Target): void {
    for (const exchange of this.#running.members()) if (exchange.isFrom(target)) exchange.finish()
  }

  /** The probes have changed their mind about a target. */
  #judge (target: Target, down: Error | undefined): void {
    const { standing } = target
    const reason = down === undefined ? undefined : printable(down.message)
    if (down === undefined) this.#newcomers.delete(target)
    else if (this.#newcomers.has(target)) this.#settings.log.warn({ pool: this.name, target: target.url, reason }, 'target failed its first probe')
    if (down instanceof DrainAsked) {
      this.#change(target, () => { standing.askedToDrain('probe', reason) }, down.message)
      return
    }
    this.#change(target, () => {
      standing.judge(reason)
      if (down === undefined) standing.askedToDrain('probe', undefined)
    }, reason ?? 'probes succeed')
    if (down === undefined) this.#ejector?.pardon(target)
  }

  /** Every change of a target's weight or health: carries it out, then tells the log and the observers. */
  #change (target: Target, change: () => void, reason: string): void {
    const was = target.health
    change()
    this.#refresh()
    const { health } = target
    if (health === was) return
    target.turned()
    // What ends may uncover something else: a target that went down while it was drained.
    const why = health === 'trial' ? reason : target.reason ?? reason
    const fields = { pool: this.name, target: target.url, was, health, reason: why }
    if (health === 'down') this.#settings.log.warn(fields, 'target is down')
    else this.#settings.log.info(fields, `target is ${health}`)
    this.#observers.healthChanged(target, was, why)
  }

  /** Works out once, when a fact changes, what every pick relies on. */
  #refresh (): void {
    const { panicking: was } = this
    // What is in flight when the pool closes may finish, but nothing new is begun for it.
    const { up, of } = this.#selection.refresh(this.#closed ? [] : this.#targets, this.#newcomers)
    this.#admission.recheck()
    if (this.panicking === was || this.#closed) return
    if (this.panicking) this.#counters.panics++
    const fields = { pool: this.name, up, of }
    if (this.panicking) this.#settings.log.warn(fields, 'too few targets are up: all are used')
    else this.#settings.log.info(fields, 'enough targets are up again')
  }

  #heard (target: Target, { drain, spare }: Answered): void {
    if (spare !== undefined) target.standing.spare(spare)
    if (drain !== undefined && this.#targets.includes(target)) this.#drains.ask(target, drain)
  }

  #attempted (attempt: Attempt, exchange: Exchange): Record<string, string> | undefined {
    if (!this.#observers.wantAttempts) return undefined
    const { number, why } = attempt
    attempt.start = { pool: this.name, request: exchange.request, method: exchange.method, path: exchange.path, number, why }
    return this.#observers.attempted(attempt.target, attempt.start)
  }

  #settled ({ target, era, start }: Attempt, outcome: Outcome): void {
    if (outcome.kind === 'answered') this.#settings.hedge?.answered(outcome.latency)
    if (this.#ejector !== undefined && !this.#leaving.has(target)) this.#ejector.record(target, outcome, era)
    this.#admission.recheck()
    if (start !== undefined) this.#observers.settled(target, outcome, start)
  }

  #ended (exchange: Exchange, error: Error | undefined): void {
    this.#running.remove(exchange)
    const { listener } = exchange
    const listens = listener?.wantsEnd(error) === true
    if (!listens && !this.#observers.wantEnds) return
    const end = exchange.summary(this.name, error)
    if (listens) listener.ended(end)
    this.#observers.ended(end)
  }
}

/** Of a request that nobody can take, nothing else matters. */
const NO_CHOICE = { key: undefined, attempt: 0 }

const NOT_PROBED = 'not probed yet'

/** Milliseconds that a try to reach an ejected target may take when `timeouts.connect` is off. */
const DEFAULT_CONNECT = 2000

/** @throws BadOptionError when a target is listed twice, in whatever spelling */
export function assertDistinct (configs: ReadonlyArray<TargetConfig>, path: string): void {
  const seen = new Map<string, number>()
  configs.forEach(({ url }, i) => {
    const before = seen.get(url)
    if (before !== undefined) throw BadOptionError(`${path}[${i}]: '${url}' is listed already, as ${path}[${before}]`)
    seen.set(url, i)
  })
}
