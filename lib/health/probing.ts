import { jittered, type Clock } from '../clock.js'
import type { TlsSettings } from '../connector.js'
import { show } from '../errors.js'
import type { Target } from '../target.js'
import type { FirstProbes } from './first-probes.js'
import { ProbeConnection } from './probe-connection.js'
import { DrainAsked, keeps, type Probe } from './probe.js'
import type { Timetable, Waiting } from './timetable.js'
import { Verdict } from './verdict.js'

export interface ProbingSettings {
  readonly clock: Clock
  readonly probe: Probe
  readonly tls: TlsSettings
  /** Port to probe instead of the target's own. */
  readonly port: number | undefined
  /** Milliseconds between the end of a probe and the start of the next. */
  readonly interval: number
  /** Share of the interval by which it varies either way. */
  readonly jitter: number
  /** Milliseconds that a probe may take. */
  readonly timeout: number
  /** Successes in a row that bring a target up. */
  readonly rise: number
  /** Failures in a row that bring it down. */
  readonly fall: number
  readonly firstProbes: FirstProbes
  readonly timetable: Timetable
  /** Targets that are probed. */
  crowd (): number
  /** Told of changes, and of the first failure of a newcomer: undefined is up, an error is the reason for being down. */
  onVerdict (target: Target, down: Error | undefined): void
}

/**
 * The probes of one target: the next starts an interval after the last one ended, so a slow target never has two. They share no
 * connection with requests, so a busy pool can not hold them up. One that keeps its connection does so for as long as all is well:
 * after a failure, of whatever kind, the target has to be met on a new one.
 *
 * Thousands of these do nothing else, so what a good probe leaves to the collector is kept small.
 */
export class Probing implements Waiting {
  readonly #target: Target
  readonly #settings: ProbingSettings
  readonly #verdict: Verdict
  /** Whether `onVerdict` has had reason to know of the target. */
  #heard: boolean
  /** Of the probe that is under way; what comes of an earlier one is too late. */
  #turn = 0
  #running = false
  #connection: ProbeConnection | undefined
  /** Tells a probe that its time is over; undefined for one that keeps its connection. */
  #deadline: AbortController | undefined
  /** Whether a probe is under way, or the next one waited for. */
  #asking = false
  /** When its time is over, or the next one's has come. */
  #at = 0

  constructor (target: Target, up: boolean, proven: boolean, settings: ProbingSettings) {
    this.#target = target
    this.#settings = settings
    this.#verdict = new Verdict(settings.rise, settings.fall, up, proven)
    this.#heard = proven
  }

  start (): void {
    this.#running = true
    const turn = this.#turn
    this.#settings.firstProbes.enter(this, () => { if (turn === this.#turn) this.#probe() })
  }

  /** Ends the probe that is under way. What was found out so far is kept for the next `start`. */
  stop (): void {
    if (!this.#running) return
    this.#running = false
    this.#turn++
    this.#settings.timetable.remove(this, this.#at)
    this.#end(new Error('stopped'))
    this.#settings.firstProbes.leave(this)
  }

  due (): void {
    if (this.#asking) this.#settled(this.#turn, new Error(`no answer within ${this.#settings.timeout} ms`))
    else this.#probe()
  }

  #probe (): void {
    const { clock, probe, timeout, timetable, crowd } = this.#settings
    const turn = ++this.#turn
    const connection = this.#connected()
    if (!keeps(probe)) this.#deadline = new AbortController()
    const end = clock.now() + timeout
    this.#asking = true
    this.#at = timetable.add(this, crowd() < CROWD ? end : Math.ceil(end / timeout * DEADLINES) * timeout / DEADLINES)
    this.#ask(connection, this.#deadline?.signal ?? NEVER).then(
      () => { this.#settled(turn, undefined) },
      (error: unknown) => { this.#settled(turn, reasonOf(error)) }
    )
  }

  /** What throws instead of rejecting has failed too, and as late. */
  #ask (connection: ProbeConnection, signal: AbortSignal): Promise<void> {
    try {
      return Promise.resolve(this.#settings.probe(this.#target, connection, signal))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #settled (turn: number, failure: Error | undefined): void {
    if (turn !== this.#turn) return
    const { probe, firstProbes, timetable, onVerdict } = this.#settings
    const next = ++this.#turn
    this.#asking = false
    timetable.remove(this, this.#at)
    if (failure !== undefined || !keeps(probe)) this.#end(failure ?? OVER)
    firstProbes.leave(this)
    const changed = failure instanceof DrainAsked ? this.#verdict.fallNow() : this.#verdict.observe(failure === undefined)
    const first = !this.#heard
    this.#heard = true
    if (changed || (first && failure !== undefined)) onVerdict(this.#target, failure)
    if (next === this.#turn) this.#at = timetable.add(this, this.#next())
  }

  /** When to ask again: as chance has it, but where there are many together with others, if that is within the jitter. */
  #next (): number {
    const { clock, interval, jitter, crowd } = this.#settings
    const now = clock.now()
    const at = now + jittered(clock, interval, jitter)
    if (crowd() < CROWD) return at
    const step = interval / STEPS
    const together = Math.round(at / step) * step
    return Math.abs(together - now - interval) <= interval * jitter ? together : at
  }

  /** A probe may have left an answer unread or a connection half made, or others waiting for its signal. */
  #end (reason: Error): void {
    const [connection, deadline] = [this.#connection, this.#deadline]
    this.#connection = undefined
    this.#deadline = undefined
    deadline?.abort(reason)
    connection?.end(reason)
  }

  /** The connection of the last probe when it was kept and may be used again, or a new one. */
  #connected (): ProbeConnection {
    const { clock, probe, tls, port } = this.#settings
    if (this.#connection?.outdated === true) this.#end(OVER)
    if (this.#connection === undefined) {
      const { authority, place } = this.#target
      const origin = new URL(authority)
      if (port !== undefined) origin.port = String(port)
      this.#connection = new ProbeConnection(origin.origin, keeps(probe), clock, tls, place === undefined ? undefined : { ...place, port: String(port ?? place.port) })
    }
    return this.#connection
  }
}

/** Targets from which on they are probed some at a time. */
const CROWD = 100

/** Moments of an interval at which many are. */
const STEPS = 100

/** Moments of a timeout at which the deadlines of many are looked at: none is late by more than one. */
const DEADLINES = 40

/** For probes that are over with their connection. */
const NEVER = new AbortController().signal

/** Why the connection of a good probe is closed. */
const OVER = new Error('the probe is over')

function reasonOf (error: unknown): Error {
  if (!(error instanceof Error)) return new Error(typeof error === 'string' ? error : show(error))
  // Several addresses that all refuse make an error without a message.
  return error.message === '' ? new Error((error as NodeJS.ErrnoException).code ?? error.name, { cause: error }) : error
}
