import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { Pool as UndiciPool, type Dispatcher } from 'undici'
import type { Clock } from './clock.js'
import { Connection, type ConnectionOptions } from './connection.js'
import { connector, type Place, type TlsSettings } from './connector.js'
import type { Gradient2 } from './limits/gradient2.js'
import { isFault, type Health, type Outcome } from './outcome.js'
import type { SlowStartSettings } from './slow-start.js'
import { Standing, type Cause } from './standing.js'
import type { CompleteTarget } from './target-config.js'

/** How long, in milliseconds, each phase of an attempt may take; 0 switches a limit off. */
export interface Timeouts {
  /** From the start of a connection to its end, TLS handshake included. */
  readonly connect: number
  /** From the pick of a target to its final response headers, connection included. */
  readonly try: number
  /** From the last byte of the request to the final response headers. */
  readonly headers: number
  /** Between two pieces of a response body. */
  readonly idle: number
  /** Silence in both directions of a WebSocket. */
  readonly tunnel: number
  /** From the arrival of a request to the end of its answer, further attempts and waiting in line included. Not for streams. */
  readonly total: number
  /**
   * How long streams and WebSockets may go on once their target has left, WebSockets also once it is draining, and everything
   * once the app closes.
   */
  readonly grace: number
}

/** How much one target takes at once; 0 is no limit. */
export interface TargetLimits {
  /** Requests in flight, streams not counted. */
  readonly target: number
  /** Connections, each of which carries one request or stream at a time. */
  readonly connections: number
  /** Makes a limit that follows the target's latency; undefined for none. */
  readonly adaptive: (() => Gradient2) | undefined
}

export interface TargetSettings {
  readonly clock: Clock
  readonly timeouts: Timeouts
  readonly tls: TlsSettings
  readonly limits: TargetLimits
  /** How a target that is new or has recovered gets its share; undefined is all at once. */
  readonly slowStart: SlowStartSettings | undefined
}

/** Totals since the target joined. `attempts` counts sends begun, the others how they ended. */
export interface TargetCounters {
  attempts: number
  answered: number
  unsent: number
  failed: number
  broken: number
  aborted: number
  /** Outcomes that count against the target: `unsent`, `failed`, `broken` and answers with status 5xx. */
  faults: number
}

/** A target as seen from outside: a copy, nothing in it changes later. */
export interface TargetSnapshot {
  readonly url: string
  readonly weight: number
  readonly priority: number
  readonly zone: string | undefined
  /** Name, with its port if it has one, by which it is asked for in place of the host of its URL. */
  readonly host: string | undefined
  readonly health: Health
  /** Why it is not `up`. */
  readonly reason: string | undefined
  /** Since when, in ms since 1970, its health is what it is; at first since it joined. */
  readonly since: number
  /** Who says so: its probes, the breaker, an operator, the target itself, or discovery; undefined when it is `up`. */
  readonly cause: Cause | undefined
  /** When its ejection ends, in ms since 1970; undefined when it is not ejected, or until it can be connected to again. */
  readonly until: number | undefined
  /** How often it has been ejected. */
  readonly ejections: number
  /** Why the breaker would eject it if enough others were up; undefined when it would not. */
  readonly failing: string | undefined
  /** Connections that are open, and how many of them carry a request, stream or WebSocket. */
  readonly connections: { readonly open: number, readonly busy: number }
  /** Attempts begun whose response body has not ended, streams included. */
  readonly inFlight: number
  /** How many of them are streams: server-sent events and WebSockets. */
  readonly streams: number
  /** How many requests that are no streams it may have in flight; Infinity without a limit. */
  readonly limit: number
  /** What it takes of the traffic that its weight stands for, 0 to 1: less while it starts slowly or asks to be spared. */
  readonly share: number
  /** Smoothed time to the final response headers, ms; undefined until the first answer. */
  readonly latency: number | undefined
  readonly counters: Readonly<TargetCounters>
}

/** undici's options for one attempt. */
export interface Send extends Omit<Dispatcher.DispatchOptions, 'origin' | 'path'> {
  path: string
  /** Both are the target's to say. */
  origin?: string | undefined
  servername?: string | undefined
}

/** Is told of every change of what a target has in flight. */
export interface LoadWatcher {
  loadChanged (target: Target): void
}

/** How much the newest answer weighs in the smoothed latency. */
const LATENCY_SHARE = 0.1

/** One origin: its connections, its weight, what is in flight on it, and how it stands. */
export class Target {
  /** The one spelling of its URL, without a trailing slash; it is the target's identity in its pool. */
  readonly url: string
  readonly origin: string
  /** The origin that it is asked for as: another one than `origin` when it goes by a name that its URL does not have. */
  readonly authority: string
  /** Where to connect to, when `authority` does not say so. */
  readonly place: Place | undefined
  /** What goes before every path: empty, or a path without a trailing slash. */
  readonly basePath: string
  /** Joining order in the pool: policies go round in it, and it survives the coming and going of others. */
  readonly id: number
  /** Name to ask for in TLS; undefined for an address, which has none. */
  servername: string | undefined
  readonly #hostname: string
  readonly standing: Standing
  /** Its tier, 0 first. */
  priority: number
  zone: string | undefined
  readonly host: string | undefined
  #settings: TargetSettings
  #adaptive: Gradient2 | undefined
  /** Every connection that there has been room for; undici keeps them and makes new sockets for them. */
  readonly #clients = new Set<Connection>()
  readonly #counters: TargetCounters = { attempts: 0, answered: 0, unsent: 0, failed: 0, broken: 0, aborted: 0, faults: 0 }
  #connections: UndiciPool | undefined
  /** Made with other settings, and when what is under way on them has ended. */
  readonly #former = new Map<UndiciPool, Promise<void>>()
  #weight: number
  #inFlight = 0
  #streams = 0
  #latency: number | undefined
  /** Most pools need none. */
  #loadWatchers: LoadWatcher[] | undefined
  /** Connections that were upgraded, and how to end each in good order. */
  readonly #held = new Map<Duplex, () => void>()
  /** When the time of upgraded connections is over; undefined while the target gets traffic. */
  #graceEnds: number | undefined
  #cancelGrace: (() => void) | undefined
  /** When its health became what it is, in ms since 1970. */
  #since: number

  constructor (config: CompleteTarget, id: number, settings: TargetSettings) {
    const url = new URL(config.url)
    this.url = config.url
    this.origin = url.origin
    this.basePath = config.url.slice(url.origin.length)
    this.id = id
    const { hostname, origin } = config.host === undefined ? url : new URL(`${url.protocol}//${config.host}`)
    this.authority = origin
    this.place = origin === url.origin ? undefined : { hostname: bare(url.hostname), port: url.port }
    this.#hostname = hostname
    this.servername = serverName(hostname, settings)
    this.#settings = settings
    this.#since = settings.clock.wall()
    this.#weight = config.weight
    this.priority = config.priority
    this.zone = config.zone
    this.host = config.host
    this.standing = new Standing(settings.clock, settings.slowStart)
    this.standing.weightless = config.weight === 0
    this.#adaptive = settings.limits.adaptive?.()
  }

  get weight (): number { return this.#weight }
  set weight (weight: number) {
    this.#weight = weight
    this.standing.weightless = weight === 0
    this.#retireIfDraining()
  }

  /** Attempts begun and not yet settled. */
  get inFlight (): number { return this.#inFlight }

  /**
   * Other settings, for attempts that are begun from now on. Connections are kept unless they would be made in another way; what is
   * under way on those that are not ends where it began.
   */
  reconfigure (settings: TargetSettings): void {
    const { timeouts, tls, limits } = this.#settings
    this.#settings = settings
    this.servername = serverName(this.#hostname, settings)
    this.standing.reconfigure(settings.slowStart)
    if (settings.limits.adaptive !== limits.adaptive) this.#adaptive = settings.limits.adaptive?.()
    const connections = this.#connections
    if (connections === undefined) return
    if (settings.timeouts.connect === timeouts.connect && settings.tls === tls && settings.limits.connections === limits.connections) return
    this.#connections = undefined
    this.#clients.clear()
    // It only rejects when it is destroyed meanwhile, which is an end as well.
    const closed = connections.close().catch(() => {}).then(() => { this.#former.delete(connections) })
    this.#former.set(connections, closed)
  }

  /** Until `unwatchLoad`: whoever keeps targets in order of their load need not look at all of them. */
  watchLoad (watcher: LoadWatcher): void { (this.#loadWatchers ??= []).push(watcher) }

  /** Nobody keeps it in order any more. */
  unwatchLoad (): void { this.#loadWatchers = undefined }

  #loadChanged (): void {
    if (this.#loadWatchers !== undefined) for (const watcher of this.#loadWatchers) watcher.loadChanged(this)
  }

  /** How many of them are streams. */
  get streams (): number { return this.#streams }

  /** How many requests that are no streams it may have in flight. */
  get limit (): number {
    const { target } = this.#settings.limits
    return Math.min(target === 0 ? Infinity : target, this.#adaptive?.limit ?? Infinity)
  }

  /** Whether it can take no more requests. */
  get full (): boolean { return this.#inFlight - this.#streams >= this.limit || this.exhausted }

  /** Whether it has no connection left, not even for a stream, for which limits of requests do not hold. */
  get exhausted (): boolean {
    const { connections } = this.#settings.limits
    return connections > 0 && this.#inFlight >= connections
  }

  /**
   * Whether it takes the request that a policy has picked it for.
   *
   * @param due how many of its turns this is, 1 at the most
   */
  takesTurn (due: number): boolean { return this.standing.takesTurn(this.#inFlight > this.#streams, due) }

  /** What `takesTurn` would say. */
  wouldTakeTurn (due: number): boolean { return this.standing.wouldTakeTurn(this.#inFlight > this.#streams, due) }

  get latency (): number | undefined { return this.#latency }

  get health (): Health { return this.standing.health }

  get reason (): string | undefined { return this.standing.reason }

  /** Its health has just changed. */
  turned (): void { this.#since = this.#settings.clock.wall() }

  /** No new requests, or new requests again; weight 0 drains as well. */
  drain (drained: boolean): void {
    this.standing.drain(drained)
    this.#retireIfDraining()
  }

  /**
   * Counts an attempt as in flight until the function that it returns is called; calling it again does nothing.
   * Every send pairs the two, whatever happens in between.
   */
  begin (): (outcome: Outcome) => void {
    this.#inFlight++
    this.#loadChanged()
    this.#counters.attempts++
    let settled = false
    return outcome => {
      if (settled) return
      settled = true
      this.#inFlight--
      this.#loadChanged()
      this.#counters[outcome.kind]++
      if (isFault(outcome)) this.#counters.faults++
      if (outcome.kind === 'answered') {
        this.#adaptive?.sample(outcome.latency, this.#inFlight - this.#streams + 1)
        this.#latency = this.#latency === undefined
          ? outcome.latency
          : this.#latency + LATENCY_SHARE * (outcome.latency - this.#latency)
      }
    }
  }

  /** One of the attempts in flight has turned out to be a stream, until the function that is returned is called. */
  stream (): () => void {
    this.#streams++
    return () => { this.#streams-- }
  }

  /** Lets go of connections that carry nothing: one of them was found closed, and the others may well be. */
  dropIdle (): void {
    for (const connection of this.#clients) connection.dropIdle()
  }

  /**
   * Sends on one of the target's connections; every one of undici's errors ends in `handler.onError`.
   *
   * @param send completed in place: a copy would cost more than all else that is done here
   */
  dispatch (send: Send, handler: Dispatcher.DispatchHandler): void {
    const { clock, timeouts, tls, limits } = this.#settings
    this.#connections ??= new UndiciPool(this.authority, {
      factory: (origin, options) => {
        const connection = new Connection(origin, options as ConnectionOptions, clock)
        this.#clients.add(connection)
        return connection
      },
      connect: connector(clock, timeouts.connect, tls, undefined, this.place),
      ...(limits.connections === 0 ? undefined : { connections: limits.connections }),
      // Attempts keep these themselves: undici's are looked at every half second.
      headersTimeout: 0,
      bodyTimeout: 0
    })
    send.origin = this.authority
    send.path = joined(this.basePath, send.path)
    // Without one undici goes by the request's Host, and would need a connection for each. The connector knows the right one.
    send.servername = this.authority
    this.#connections.dispatch(send, handler)
  }

  /**
   * Looks after an upgraded connection, which undici has let go of.
   *
   * @param end how to end it in good order
   * @returns to be called when it is closed
   */
  hold (socket: Duplex, end: () => void): () => void {
    this.#held.set(socket, end)
    // Opened when it was already too late for it.
    if (this.#graceEnds !== undefined && this.#settings.clock.now() >= this.#graceEnds) end()
    else this.#watchGrace()
    return () => {
      this.#held.delete(socket)
      if (this.#held.size === 0) this.#stopGrace()
    }
  }

  /** Ends upgraded connections after the grace, also those that open meanwhile: no new ones are wanted, and they might last for days. */
  retire (): void {
    const { clock, timeouts } = this.#settings
    if (timeouts.grace === 0) return
    this.#graceEnds ??= clock.now() + timeouts.grace
    this.#watchGrace()
  }

  /** Ends upgraded connections now, and those that open from now on. */
  endHeld (): void {
    this.#graceEnds = this.#settings.clock.now()
    for (const end of [...this.#held.values()]) end()
  }

  /** Lets what is in flight finish, upgraded connections for as long as the grace, then closes every connection. */
  async close (): Promise<void> {
    this.retire()
    await Promise.all([this.#connections?.close(), ...this.#former.values()])
    await Promise.all([...this.#held.keys()].map(async socket => {
      if (!socket.closed) await new Promise(resolve => { socket.once('close', resolve) })
    }))
  }

  /** Closes every connection now; what is in flight fails with `error`. */
  async destroy (error: Error | null): Promise<void> {
    this.#stopGrace()
    for (const socket of this.#held.keys()) socket.destroy()
    await Promise.all([this.#connections, ...this.#former.keys()].map(async connections => { await connections?.destroy(error) }))
  }

  #retireIfDraining (): void {
    if (this.standing.withdrawn) {
      this.retire()
    } else {
      this.#graceEnds = undefined
      this.#stopGrace()
    }
  }

  /** There is a timer only while there is something to end. */
  #watchGrace (): void {
    if (this.#graceEnds === undefined || this.#held.size === 0 || this.#cancelGrace !== undefined) return
    const { clock } = this.#settings
    this.#cancelGrace = clock.after(this.#graceEnds - clock.now(), () => {
      this.#cancelGrace = undefined
      for (const end of this.#held.values()) end()
    })
  }

  #stopGrace (): void {
    this.#cancelGrace?.()
    this.#cancelGrace = undefined
  }

  /** When its ejection ends, in ms since 1970; undefined when it is not ejected, or until it can be connected to again. */
  get until (): number | undefined {
    const { clock } = this.#settings
    const { ejectedUntil } = this.standing
    return ejectedUntil === undefined ? undefined : Math.round(clock.wall() + ejectedUntil - clock.now())
  }

  /** undici has let go of those that were upgraded. */
  get #connected (): TargetSnapshot['connections'] {
    let open = this.#held.size
    let busy = open
    for (const { stats: { connected, running } } of this.#clients) {
      if (!connected) continue
      open++
      if (running > 0) busy++
    }
    return { open, busy }
  }

  snapshot (): TargetSnapshot {
    return {
      url: this.url,
      weight: this.weight,
      priority: this.priority,
      zone: this.zone,
      host: this.host,
      health: this.health,
      reason: this.reason,
      since: this.#since,
      cause: this.standing.cause,
      until: this.until,
      ejections: this.standing.ejections,
      failing: this.standing.failing,
      connections: this.#connected,
      inFlight: this.inFlight,
      streams: this.streams,
      limit: this.limit,
      share: this.standing.share,
      latency: this.latency,
      counters: { ...this.#counters }
    }
  }
}

/** An address without the brackets that it has in a URL. */
function bare (hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function serverName (hostname: string, { tls }: TargetSettings): string | undefined {
  return tls.servername ?? (isIP(bare(hostname)) === 0 ? hostname : undefined)
}

/** A path below a base path; one that is empty, or only a query, stands for the base itself. */
function joined (base: string, path: string): string {
  // undici says best what is wrong with it.
  if (typeof path !== 'string') return path
  return base === '' && !path.startsWith('/') ? `/${path}` : base + path
}
