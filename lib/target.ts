import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { Pool as UndiciPool, type Dispatcher } from 'undici'
import type { Clock } from './clock.js'
import { Connection, type ConnectionOptions } from './connection.js'
import { connector, type TlsSettings } from './connector.js'
import { BadOptionError, show } from './errors.js'
import { isFault, type Health, type Outcome } from './outcome.js'

/** How long, in milliseconds, each phase of an attempt may take; 0 switches a limit off. */
export interface Timeouts {
  /** From the start of a connection to its end, TLS handshake included. */
  readonly connect: number
  /** From the last byte of the request to the final response headers. */
  readonly headers: number
  /** Between two pieces of a response body. */
  readonly idle: number
  /** Silence in both directions of a WebSocket. */
  readonly tunnel: number
  /** How long WebSockets may go on once their target is draining, has left, or the app closes. */
  readonly grace: number
}

export interface TargetSettings {
  readonly clock: Clock
  readonly timeouts: Timeouts
  readonly tls: TlsSettings
}

/** A target as configured. */
export interface TargetConfig {
  /** Origin with an optional base path: `https://a.internal:8443/v2`. */
  readonly url: string
  /** Share of the traffic, relative to the other targets; 0 drains. Default: 1. */
  readonly weight?: number
}

/**
 * A target as a user wrote it, checked.
 *
 * @param path where it stands in the options, for the message
 * @throws BadOptionError naming the path, the value and what is allowed
 */
export function targetConfig (value: unknown, path: string): Required<TargetConfig> {
  const { url, weight = 1, ...unknown } = (typeof value === 'string' || value instanceof URL ? { url: String(value) } : value ?? {}) as Record<string, unknown>
  if (typeof url !== 'string') throw BadOptionError(`${path}: ${show(value)}, must be a URL or { url, weight }`)
  const [extra] = Object.keys(unknown)
  if (extra !== undefined) throw BadOptionError(`${path}.${extra}: unknown option, allowed are url, weight`)
  if (typeof weight !== 'number' || !Number.isFinite(weight)) throw BadOptionError(`${path}.weight: ${show(weight)}, must be a number`)
  if (weight < 0) throw BadOptionError(`${path}.weight: ${show(weight)}, must be >= 0`)
  return { url: targetUrl(url, path), weight }
}

/** The one spelling of a target's URL that identifies it: origin and base path, no trailing slash. */
export function targetUrl (url: string, path: string): string {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw BadOptionError(`${path}: ${show(url)}, must be an absolute http: or https: URL${/^wss?:/i.test(url) ? ', which is where WebSockets are opened as well' : ''}`)
  }
  const parsed = new URL(url)
  if (parsed.username !== '' || parsed.password !== '') throw BadOptionError(`${path}: ${show(url)}, must not have credentials; send them as a header`)
  if (parsed.search !== '' || parsed.hash !== '') throw BadOptionError(`${path}: ${show(url)}, must not have a query or a fragment`)
  return parsed.origin + parsed.pathname.replace(/\/+$/, '')
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
  readonly health: Health
  /** Why it is `down` or `draining`. */
  readonly reason: string | undefined
  /** Attempts begun whose response body has not ended. */
  readonly inFlight: number
  /** Smoothed time to the final response headers, ms; undefined until the first answer. */
  readonly latency: number | undefined
  readonly counters: Readonly<TargetCounters>
}

/** How much the newest answer weighs in the smoothed latency. */
const LATENCY_SHARE = 0.1

/** One origin: its connections, its weight, what is in flight on it, and what is known of its health. */
export class Target {
  /** The one spelling of its URL, without a trailing slash; it is the target's identity in its pool. */
  readonly url: string
  readonly origin: string
  /** What goes before every path: empty, or a path without a trailing slash. */
  readonly basePath: string
  /** Joining order in the pool: policies go round in it, and it survives the coming and going of others. */
  readonly id: number
  /** Name to ask for in TLS; undefined for an address, which has none. */
  readonly servername: string | undefined
  readonly #settings: TargetSettings
  readonly #counters: TargetCounters = { attempts: 0, answered: 0, unsent: 0, failed: 0, broken: 0, aborted: 0, faults: 0 }
  #connections: UndiciPool | undefined
  #weight: number
  #inFlight = 0
  #latency: number | undefined
  /** Connections that were upgraded, and how to end each in good order. */
  readonly #held = new Map<Duplex, () => void>()
  /** When the time of upgraded connections is over; undefined while the target gets traffic. */
  #graceEnds: number | undefined
  #cancelGrace: (() => void) | undefined
  #drained = false
  #down: string | undefined

  constructor (config: Required<TargetConfig>, id: number, settings: TargetSettings) {
    const url = new URL(config.url)
    this.url = config.url
    this.origin = url.origin
    this.basePath = config.url.slice(url.origin.length)
    this.id = id
    this.servername = settings.tls.servername ?? (isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0 ? url.hostname : undefined)
    this.#settings = settings
    this.#weight = config.weight
  }

  get weight (): number { return this.#weight }
  set weight (weight: number) {
    this.#weight = weight
    this.#retireIfDraining()
  }

  /** Attempts begun and not yet settled. */
  get inFlight (): number { return this.#inFlight }

  get latency (): number | undefined { return this.#latency }

  get health (): Health {
    if (this.#drained || this.#weight === 0) return 'draining'
    return this.#down === undefined ? 'up' : 'down'
  }

  get reason (): string | undefined {
    if (this.#drained) return 'drained'
    return this.#weight === 0 ? 'weight 0' : this.#down
  }

  /** No new requests, or new requests again; weight 0 drains as well. */
  drain (drained: boolean): void {
    this.#drained = drained
    this.#retireIfDraining()
  }

  /** Takes on the verdict of the probes: undefined is up, a text is the reason for being down. */
  judge (down: string | undefined): void { this.#down = down }

  /**
   * Counts an attempt as in flight until the function that it returns is called; calling it again does nothing.
   * Every send pairs the two, whatever happens in between.
   */
  begin (): (outcome: Outcome) => void {
    this.#inFlight++
    this.#counters.attempts++
    let settled = false
    return outcome => {
      if (settled) return
      settled = true
      this.#inFlight--
      this.#counters[outcome.kind]++
      if (isFault(outcome)) this.#counters.faults++
      if (outcome.kind === 'answered') {
        this.#latency = this.#latency === undefined
          ? outcome.latency
          : this.#latency + LATENCY_SHARE * (outcome.latency - this.#latency)
      }
    }
  }

  /** Sends on one of the target's connections; every one of undici's errors ends in `handler.onError`. */
  dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#connections ??= new UndiciPool(this.origin, {
      factory: (origin, options) => new Connection(origin, options as ConnectionOptions, this.#settings.clock),
      connect: connector(this.#settings.clock, this.#settings.timeouts.connect, this.#settings.tls),
      headersTimeout: this.#settings.timeouts.headers,
      bodyTimeout: 0
    })
    this.#connections.dispatch({
      ...options,
      origin: this.origin,
      path: joined(this.basePath, options.path),
      // Without one undici goes by the request's Host, and would need a connection for each. The connector knows the right one.
      ...{ servername: this.origin }
    }, handler)
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

  /** Lets what is in flight finish, upgraded connections for as long as the grace, then closes every connection. */
  async close (): Promise<void> {
    this.retire()
    await this.#connections?.close()
    await Promise.all([...this.#held.keys()].map(async socket => {
      if (!socket.closed) await new Promise(resolve => { socket.once('close', resolve) })
    }))
  }

  /** Closes every connection now; what is in flight fails with `error`. */
  async destroy (error: Error | null): Promise<void> {
    this.#stopGrace()
    for (const socket of this.#held.keys()) socket.destroy()
    await this.#connections?.destroy(error)
  }

  #retireIfDraining (): void {
    if (this.health === 'draining') {
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

  snapshot (): TargetSnapshot {
    return {
      url: this.url,
      weight: this.weight,
      health: this.health,
      reason: this.reason,
      inFlight: this.inFlight,
      latency: this.latency,
      counters: { ...this.#counters }
    }
  }
}

/** A path below a base path; one that is empty, or only a query, stands for the base itself. */
function joined (base: string, path: string): string {
  // undici says best what is wrong with it.
  if (typeof path !== 'string') return path
  return base === '' && !path.startsWith('/') ? `/${path}` : base + path
}
