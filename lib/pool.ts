import { Dispatcher } from 'undici'
import { Admission, type AdmissionSettings } from './admission.js'
import type { Affinity } from './affinity.js'
import type { Answered, Attempt } from './attempt.js'
import { Chain } from './chain.js'
import type { Clock } from './clock.js'
import { Discoverer, type DiscoveryState } from './discoverer.js'
import type { Discovery, ListedTarget } from './discovery.js'
import { poolCounters, type PoolCounters } from './counters.js'
import { BadOptionError, NoTargetError, PoolClosedError, QueueFullError, show, TooManyStreamsError } from './errors.js'
import { reasonOf, withoutQuery } from './events.js'
import { Expiries } from './expiry.js'
import { Exchange, type ExchangeOptions, type ExchangeSettings, type RetrySettings } from './exchange.js'
import { callbackHandler, type Handler } from './handler.js'
import { DrainAsked, Prober, type ProberSettings } from './health/active.js'
import { Drains } from './health/drains.js'
import { Ejector, type BreakerSettings, type EjectorSettings } from './health/ejector.js'
import type { Verdicts, Watcher } from './health/watcher.js'
import type { Explanation } from './explanation.js'
import type { Hedge } from './hedge.js'
import type { KeyReader } from './key.js'
import type { Observer } from './observer.js'
import { LONGEST_TIMER } from './option-types.js'
import { Observers } from './observers.js'
import type { Health, Outcome } from './outcome.js'
import type { PoolOptions } from './pool-options.js'
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

/** What the probes of a pool need besides the pool. */
export type ProbeSettings = Omit<ProberSettings, 'onVerdict' | 'clock' | 'tls'>

/**
 * A pool's options, checked and complete. Made from those before, what stands for options that are the same is the same object, by
 * which a pool knows what to keep.
 */
export interface PoolSettings extends TargetSettings {
  readonly name: string
  /** What they were made from. */
  readonly options: PoolOptions
  /** Finds what the policy goes by; undefined for one that goes by nothing in a request. */
  readonly keyOf: KeyReader | undefined
  /** Name of the policy, `own` for a function of the user's. */
  readonly policy: string
  readonly targets: readonly CompleteTarget[]
  /** Who says which targets there are, and for how many milliseconds a start waits for that; undefined when nobody does. */
  readonly discovery: { readonly source: Discovery, readonly timeout: number } | undefined
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
  /** What the probes need, or who tells in their place; undefined when nobody does. */
  readonly health: ((ProbeSettings | { readonly verdicts: Verdicts }) & { readonly initial: 'up' | 'down' }) | undefined
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
  /** How discovery is doing; undefined for a pool that has none. */
  readonly discovery: DiscoveryState | undefined
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
  #settings: PoolSettings
  readonly #counters = poolCounters()
  readonly #observers: Observers
  #exchanges: ExchangeSettings
  readonly #selection: Selection
  readonly #admission: Admission
  #watcher: Watcher | undefined
  #ejector: Ejector | undefined
  readonly #drains: Drains
  #discoverer: Discoverer | undefined
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
  readonly #transitions: Transition[] = []
  #started = false
  /** From the call of `start` to that of `stop`: what is made anew is started as well. */
  #working = false
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
    const { clock, timeouts } = settings
    this.#observers = new Observers(settings.name, settings.observers, error => {
      settings.log.error({ pool: settings.name, err: error }, 'an observer failed')
    })
    this.#selection = new Selection(selectionSettings(settings))
    this.#admission = new Admission(clock, settings.admission, () => this.#selection.hasRoom(), this.#counters)
    this.#drains = new Drains(clock, (target, change, reason) => { this.#change(target, change, reason) })
    if (settings.breaker !== undefined) this.#ejector = new Ejector(this.#ejectorSettings(settings.breaker))
    if (settings.discovery !== undefined) this.#discoverer = this.#makeDiscoverer(settings.discovery)
    this.#expiries = new Expiries(clock, [timeouts.headers, timeouts.idle])
    this.#exchanges = this.#exchangeSettings()
    this.#targets = settings.targets.map(config => this.#target(config))
    if (settings.health !== undefined) {
      this.#watcher = this.#makeWatcher(settings.health)
      for (const target of this.#targets) this.#watch(target, settings.health.initial === 'up')
    }
    this.#refresh()
  }

  /** What the pool goes by. */
  get settings (): PoolSettings { return this.#settings }

  /** Finds what the policy goes by in a request. */
  get keyOf (): KeyReader | undefined { return this.#settings.keyOf }

  /**
   * Takes on other settings at once. Targets that stay keep their counters, health, place in the rotation, and connections
   * unless these would be made in another way. What is under way goes on by the settings that it was begun with. The members change
   * only if the list in the options has.
   *
   * @param settings made from those that the pool has
   * @returns settles when the targets that left have finished what was in flight
   */
  async reconfigure (settings: PoolSettings): Promise<void> {
    if (this.#closed || this.#retired) return
    const before = this.#settings
    const { timeouts, tls, targets } = settings
    this.#settings = settings
    this.#selection.reconfigure(selectionSettings(settings))
    this.#admission.reconfigure(settings.admission)
    this.#observers.reconfigure(settings.observers)
    this.#expiries.keep([timeouts.headers, timeouts.idle])
    this.#exchanges = this.#exchangeSettings()
    for (const target of this.#targets) {
      target.reconfigure(settings)
      // Those who keep targets in the order of their load are of the policy before.
      if (settings.selection.policy !== before.selection.policy) target.unwatchLoad()
    }
    if (tls !== before.tls) {
      before.tls.stop()
      if (this.#working) tls.start()
    }
    this.#rejudge(before)
    if (settings.health !== before.health) this.#reprobe()
    this.#refresh()
    if (settings.discovery !== before.discovery) this.#rediscover()
    // While somebody else says which targets there are, the list is but what to begin with.
    if (settings.discovery === undefined && (targets !== before.targets || before.discovery !== undefined)) await this.#apply(targets)
  }

  /**
   * Starts discovery, the probes, if the pool has any, and the looks at TLS files. Until then every target is what
   * `health.initial` says, those of a first list that comes in time as well.
   *
   * @returns settles when discovery has said something, or its time is over; without discovery at once
   */
  async start (): Promise<void> {
    if (this.#closed) return
    this.#working = true
    this.#settings.tls.start()
    // Another one may have taken its place meanwhile.
    for (let discoverer; (discoverer = this.#discoverer) !== undefined && !await discoverer.start();) {
      if (discoverer === this.#discoverer) return
    }
    // Neither is it to start what has been stopped meanwhile, and has no discovery any more.
    if (!this.#working) return
    this.#started = true
    this.#watcher?.start()
  }

  /** Stops discovery, the probes and the looks at TLS files; requests go on. */
  stop (): void {
    this.#working = false
    this.#discoverer?.stop()
    this.#settings.tls.stop()
    this.#watcher?.stop()
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

  /** How discovery is doing; undefined for a pool that has none. */
  get discovery (): DiscoveryState | undefined { return this.#discoverer?.state }

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
      discovery: this.discovery,
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
   * Changes what a target was listed with, at once. Discovery has the last word with its next list.
   *
   * @throws BadOptionError for a bad value, or when there is no such target
   */
  update (url: string, changes: Pick<TargetConfig, 'weight' | 'priority' | 'zone'>): void {
    const target = this.#member(url)
    const { weight, priority, zone } = targetConfig({ weight: target.weight, priority: target.priority, zone: target.zone, ...changes, url: target.url }, 'target')
    this.#change(target, () => { Object.assign(target, { weight, priority, zone }) }, `weight ${weight}`)
  }

  /**
   * Takes a target out of rotation for a while, as passive health does; then a trial of one request decides. One that answers
   * when nobody else can is back before that: to be sure, drain it.
   *
   * @param time in milliseconds
   * @throws BadOptionError for a bad time, when there is no such target, or when no other one is up
   */
  eject (url: string, time = EJECTION, reason = 'ejected by an operator'): void {
    const target = this.#member(url)
    if (!Number.isFinite(time) || time <= 0 || time > LONGEST_TIMER) throw BadOptionError(`time: ${show(time)}, must be milliseconds from 1 to ${LONGEST_TIMER}`)
    if (!this.#targets.some(other => other !== target && other.health === 'up')) {
      throw BadOptionError(`url: '${target.url}' has nobody to take its place, must not be ejected while no other target is up`)
    }
    this.#ejector ??= new Ejector(this.#ejectorSettings(NO_BREAKER))
    this.#ejector.ejectFor(target, time, printable(reason))
  }

  /** The latest changes of health, oldest first, 200 at the most. */
  get transitions (): readonly Transition[] { return [...this.#transitions] }

  /**
   * Makes `list` the members, until discovery says something else. Those that stay keep everything (connections, counters, health, their place in the
   * rotation) and take on the new weight. Nothing changes when the list has a mistake in it.
   *
   * @returns settles when the targets that left have finished what was in flight
   * @throws BadOptionError for a bad URL or weight, or a target that is listed twice
   */
  async set (list: ReadonlyArray<string | TargetConfig>): Promise<void> {
    if (!Array.isArray(list)) throw BadOptionError(`targets: ${show(list)}, must be a list`)
    const configs = list.map((target, i) => targetConfig(target, `targets[${i}]`))
    assertDistinct(configs, 'targets')
    await this.#apply(configs)
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

  #exchangeSettings (): ExchangeSettings {
    const { clock, timeouts, drainHeader, retry, hedge } = this.#settings
    return {
      clock,
      expiries: this.#expiries,
      try: timeouts.try,
      headers: timeouts.headers,
      idle: timeouts.idle,
      total: timeouts.total,
      drainHeader,
      retry,
      hedge,
      selection: this.#selection,
      admission: this.#admission,
      counters: this.#counters,
      attempted: (attempt, exchange) => this.#attempted(attempt, exchange),
      heard: (target, answer) => { this.#heard(target, answer) },
      settled: (attempt, outcome) => { this.#settled(attempt, outcome) },
      ended: (exchange, error) => { this.#ended(exchange, error) }
    }
  }

  #ejectorSettings (breaker: BreakerSettings): EjectorSettings {
    const { clock, tls, timeouts } = this.#settings
    return {
      ...breaker,
      clock,
      tls,
      timeout: timeouts.connect || DEFAULT_CONNECT,
      counters: this.#counters,
      members: () => this.#targets,
      change: (target, change, reason) => { this.#change(target, change, reason) }
    }
  }

  #makeWatcher ({ initial: _, ...health }: NonNullable<PoolSettings['health']>): Watcher {
    const { clock, tls } = this.#settings
    const tell = (target: Target, down: Error | undefined): void => { this.#judge(target, down) }
    return 'verdicts' in health ? health.verdicts(tell) : new Prober({ ...health, clock, tls, onVerdict: tell })
  }

  #makeDiscoverer (discovery: NonNullable<PoolSettings['discovery']>): Discoverer {
    const { clock, log } = this.#settings
    return new Discoverer({
      ...discovery,
      clock,
      onList: list => { this.#apply(list).catch((error: unknown) => { log.error({ pool: this.name, err: error }, 'a target did not leave in good order') }) },
      onChange: failure => { this.#discoveryChanged(failure === undefined ? undefined : printable(failure)) }
    })
  }

  /** Another source: the members are what the last one said until this one has spoken. */
  #rediscover (): void {
    const { discovery } = this.#settings
    this.#discoverer?.stop()
    this.#discoverer = discovery === undefined ? undefined : this.#makeDiscoverer(discovery)
    if (this.#working) void this.#discoverer?.start()
  }

  /** Passive health by the present settings. */
  #rejudge ({ breaker: before }: PoolSettings): void {
    const { breaker } = this.#settings
    if (breaker === undefined) {
      // What an operator has ejected meanwhile stays that way.
      if (before === undefined) return
      this.#ejector?.release()
      this.#ejector = undefined
    } else if (this.#ejector === undefined) {
      this.#ejector = new Ejector(this.#ejectorSettings(breaker))
    } else {
      this.#ejector.reconfigure(this.#ejectorSettings(breaker), breaker !== before)
    }
  }

  /** Active health by the present settings: what was found out so far is believed until the new probes say otherwise. */
  #reprobe (): void {
    const { health } = this.#settings
    this.#watcher?.stop()
    if (health === undefined) {
      this.#watcher = undefined
      this.#newcomers.clear()
      for (const target of this.#targets) {
        this.#change(target, () => {
          target.standing.judge(undefined)
          target.standing.askedToDrain('probe', undefined)
        }, 'health checks are off')
      }
      return
    }
    this.#watcher = this.#makeWatcher(health)
    for (const target of this.#targets) {
      const { failsProbes } = target.standing
      // One that has asked its probes for a drain is used again once they have changed their mind, like one that fails them.
      this.#watcher.watch(target, !failsProbes && target.standing.askedBy('probe') === undefined, !this.#newcomers.has(target))
    }
    if (this.#started && this.#working) this.#watcher.start()
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

  /** Makes a list without mistakes the members. */
  async #apply (list: readonly ListedTarget[]): Promise<void> {
    const wanted = new Map(list.map(config => [config.url, config]))
    const leaving: Target[] = []
    for (const target of this.#targets) {
      const config = wanted.get(target.url)
      // Connections to one that is asked for by another name were made, and verified, for the old one.
      if (config === undefined || config.host !== target.host) {
        leaving.push(target)
        continue
      }
      wanted.delete(target.url)
      const { weight, priority, zone, draining } = config
      if (weight !== target.weight || priority !== target.priority || zone !== target.zone) {
        this.#change(target, () => { Object.assign(target, { weight, priority, zone }) }, `weight ${weight}`)
      }
      if (draining !== target.standing.askedBy('discovery')) {
        this.#change(target, () => { target.standing.askedToDrain('discovery', draining) }, draining ?? 'no longer draining, says discovery')
      }
    }
    // An unchanged list leaves what policies have worked out for it.
    if (wanted.size > 0) this.#join([...wanted.values()])
    if (leaving.length > 0) await this.#leave(leaving)
  }

  #join (configs: readonly ListedTarget[]): void {
    const joining = configs.map(config => {
      const target = this.#target(config)
      if (config.draining !== undefined) target.standing.askedToDrain('discovery', config.draining)
      return target
    })
    this.#targets = [...this.#targets, ...joining]
    for (const target of joining) {
      this.#settings.log.info({ pool: this.name, target: target.url }, 'target joined')
      if (this.#closed) continue
      // Before the start there is nothing to choose between: it counts as configured.
      this.#watch(target, !this.#started && this.#settings.health?.initial === 'up')
      if (this.#started) target.standing.startSlowly()
    }
    this.#refresh()
    for (const target of joining) this.#observers.membership(target, 'joined')
  }

  #watch (target: Target, up: boolean): void {
    if (this.#watcher === undefined) return
    if (!up) {
      target.standing.awaitProbe(NOT_PROBED)
      this.#newcomers.add(target)
    }
    this.#watcher.watch(target, up, up)
  }

  async #leave (leaving: readonly Target[]): Promise<void> {
    this.#targets = this.#targets.filter(target => !leaving.includes(target))
    for (const target of leaving) {
      this.#watcher?.unwatch(target)
      this.#ejector?.forget(target)
      this.#drains.forget(target)
      this.#newcomers.delete(target)
      this.#leaving.add(target)
      this.#settings.log.info({ pool: this.name, target: target.url, inFlight: target.inFlight }, 'target left')
    }
    this.#refresh()
    for (const target of leaving) this.#observers.membership(target, 'left')
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

  #discoveryChanged (failure: string | undefined): void {
    if (failure === undefined) this.#settings.log.info({ pool: this.name }, 'discovery works again')
    else this.#settings.log.warn({ pool: this.name, reason: failure }, 'discovery failed: the last list stays in use')
    this.#observers.discoveryChanged(failure)
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
    this.#transitions.push({ at: this.#settings.clock.wall(), target: target.url, was, health, reason: why })
    if (this.#transitions.length > TRANSITIONS) this.#transitions.shift()
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

function selectionSettings ({ selection, clock, limits }: PoolSettings): SelectionSettings {
  return { ...selection, clock, limited: limits.target > 0 || limits.connections > 0 || limits.adaptive !== undefined }
}

/** A change of a target's health. */
export interface Transition {
  /** Milliseconds since 1970. */
  readonly at: number
  /** URL of the target. */
  readonly target: string
  readonly was: Health
  readonly health: Health
  readonly reason: string
}

/** Transitions that a pool remembers. */
const TRANSITIONS = 200

/** Milliseconds that an operator's ejection lasts who does not say for how long. */
const EJECTION = 30_000

/** Of a pool whose breaker is off: nobody is ejected but by an operator. */
const NO_BREAKER: BreakerSettings = {
  breaker: () => ({ record: () => false, reset () {} }),
  isFault: () => false,
  ejection: { base: EJECTION, max: EJECTION, jitter: 0 },
  maxEjected: 1,
  reconnect: 0
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
