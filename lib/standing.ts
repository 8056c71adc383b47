import type { Clock } from './clock.js'
import type { Health } from './outcome.js'
import { slowStartFactor, Turns, type SlowStartSettings } from './slow-start.js'

/** What is left of its share to a target that asks to be spared. Not nothing: somebody has to notice when it is over. */
const SPARED_SHARE = 0.1

/** Milliseconds that a 429 without a `Retry-After` stands for, and the longest that one is believed: nobody takes itself out for hours. */
const SPARED_DEFAULT = 1000
const SPARED_LIMIT = 30_000

/** Who has the last word on a target that is not `up`. */
export type Cause = 'probe' | 'breaker' | 'operator' | 'asked' | 'discovery'

/** Who takes targets out for a time. */
export type Ejecting = 'breaker' | 'operator'

/** By what a target has asked for its drain. Discovery speaks for it. */
export type Asking = 'answer' | 'probe' | 'discovery'

/**
 * What is known of a target's health, and what that makes of its share of the traffic.
 *
 * Three voices are heard, in this order: the operator, who drains; the probes; the breaker, which ejects. And a target may ask
 * for its own drain, or discovery may on its behalf. Each is remembered by itself, so that one that falls silent uncovers what the others say.
 */
export class Standing {
  readonly #clock: Clock
  #slowStart: SlowStartSettings | undefined
  readonly #turns = new Turns()
  #drained = false
  /** Weight 0 drains as well. */
  weightless = false
  /** Why the probes take it for down. */
  #down: string | undefined
  /** No probe has said anything yet. */
  #fresh = false
  /** Why the breaker took it out of rotation. */
  #ejected: string | undefined
  #unreachable = false
  /** When its ejection is over; undefined when that does not go by time. */
  #ejectedUntil: number | undefined
  #ejections = 0
  /** Who has ejected it last. */
  #ejectedBy: Ejecting = 'breaker'
  #trial = false
  /** Why it has asked to be drained, by what: one may be over before the other. */
  readonly #asked = new Map<Asking, string>()
  /** Why the breaker would take it out if enough others were up; undefined when it would not. */
  failing: string | undefined
  /** When it began to start slowly; undefined when it has its full share. */
  #startedAt: number | undefined
  /** Until when it is spared; undefined when it is not. */
  #sparedUntil: number | undefined
  /** Whether it may have less than its share: what every pick asks first. */
  #limited = false
  #era = 0

  constructor (clock: Clock, slowStart: SlowStartSettings | undefined) {
    this.#clock = clock
    this.#slowStart = slowStart
  }

  get health (): Health {
    if (this.withdrawn) return 'draining'
    if (this.#down !== undefined) return 'down'
    if (this.#ejected !== undefined) return this.#trial ? 'trial' : 'down'
    return this.#asked.size === 0 ? 'up' : 'draining'
  }

  /** Why it is not `up`. */
  get reason (): string | undefined {
    if (this.#drained) return 'drained'
    if (this.weightless) return 'weight 0'
    return this.#down ?? this.#ejected ?? this.#asked.values().next().value
  }

  /** Whose word that is. */
  get cause (): Cause | undefined {
    if (this.withdrawn) return 'operator'
    if (this.#down !== undefined) return 'probe'
    if (this.#ejected !== undefined) return this.#ejectedBy
    const by = this.#asked.keys().next().value
    return by === undefined || by === 'discovery' ? by : 'asked'
  }

  /** When its ejection is over, by the clock; undefined when it is not ejected, or not for a time that is known. */
  get ejectedUntil (): number | undefined { return this.#ejectedUntil }

  /** How often it has been ejected. */
  get ejections (): number { return this.#ejections }

  /** Whether an operator has drained it. That is never overridden, whereas health, and what a target asks for itself, are opinions. */
  get withdrawn (): boolean { return this.#drained || this.weightless }

  /** Whether the probes take it for down. */
  get failsProbes (): boolean { return this.#down !== undefined }

  get ejected (): boolean { return this.#ejected !== undefined }

  /** Whether it was ejected because no connection to it could be made: nobody who is sent there is helped. */
  get unreachable (): boolean { return this.#unreachable }

  /** Grows with each step into an ejection and out of it. Outcomes of attempts that were begun before say nothing about what is now. */
  get era (): number { return this.#era }

  /** What it takes of the traffic that its weight stands for, 0 to 1. */
  get share (): number {
    if (!this.#limited) return 1
    const now = this.#clock.now()
    let share = 1
    if (this.#startedAt !== undefined && this.#slowStart !== undefined) {
      share = slowStartFactor(now - this.#startedAt, this.#slowStart)
      if (share >= 1) this.#startedAt = undefined
    }
    if (this.#sparedUntil !== undefined) {
      if (now < this.#sparedUntil) share = Math.min(share, SPARED_SHARE)
      else this.#sparedUntil = undefined
    }
    this.#limited = this.#startedAt !== undefined || this.#sparedUntil !== undefined
    return share
  }

  /**
   * Whether it takes the request that a policy has picked it for, or the policy should pick among the others. That is how every
   * policy, whatever it goes by, sends a target no more than its share, and a target on trial one request at a time.
   *
   * @param busy whether it has requests in flight
   * @param due how many of its turns this is, 1 at the most
   */
  takesTurn (busy: boolean, due: number): boolean {
    if (this.#trial) return !busy
    const { share } = this
    return share === 1 || this.#turns.take(share * due)
  }

  /** What `takesTurn` would say. */
  wouldTakeTurn (busy: boolean, due: number): boolean {
    if (this.#trial) return !busy
    const { share } = this
    return share === 1 || this.#turns.wouldTake(share * due)
  }

  /** Whether it takes every request that it is picked for. */
  get whole (): boolean { return !this.#trial && (!this.#limited || this.share === 1) }

  /** Another way to get its share, or none: then it has it at once. */
  reconfigure (slowStart: SlowStartSettings | undefined): void {
    this.#slowStart = slowStart
    if (slowStart === undefined) this.#startedAt = undefined
  }

  /** The operator's word. */
  drain (drained: boolean): void { this.#drained = drained }

  /** The verdict of the probes: undefined is up, a text is the reason for being down. */
  judge (down: string | undefined): void {
    if (down === undefined && this.#down !== undefined && !this.#fresh) this.startSlowly()
    this.#fresh = false
    this.#down = down
  }

  /** Down until the first probe says otherwise. One that has been there since the app started then has its whole share. */
  awaitProbe (reason: string): void {
    this.#fresh = true
    this.#down = reason
  }

  /**
   * It is taken out of rotation.
   *
   * @param until when that is over, by the clock; undefined when it goes by something else
   */
  eject (reason: string, unreachable: boolean, until?: number, by: Ejecting = 'breaker'): void {
    this.#ejected = reason
    this.#ejectedBy = by
    this.#ejectedUntil = until
    this.failing = undefined
    this.#ejections++
    this.#unreachable = unreachable
    this.#trial = false
    this.#era++
  }

  /** The time of an ejection is over: one request at a time may show whether it is well again. */
  tryOut (): void {
    this.#trial = true
    this.#unreachable = false
    this.#ejectedUntil = undefined
    this.#era++
  }

  /** It is back in rotation. */
  restore (): void {
    this.#ejected = undefined
    this.#ejectedUntil = undefined
    this.#unreachable = false
    this.#trial = false
    this.#era++
    this.startSlowly()
  }

  /** It has asked to be drained, or with undefined is no longer taken at its word. */
  askedToDrain (by: Asking, reason: string | undefined): void {
    if (reason !== undefined) this.#asked.set(by, reason)
    else if (this.#asked.delete(by) && this.#asked.size === 0) this.startSlowly()
  }

  /** Why it has asked to be drained by this; undefined when it has not. */
  askedBy (by: Asking): string | undefined { return this.#asked.get(by) }

  /** It has asked for less, for so many milliseconds; 0 is a 429 that does not say for how long. */
  spare (ms: number): void {
    const time = ms === 0 ? SPARED_DEFAULT : Math.min(ms, SPARED_LIMIT)
    this.#sparedUntil = Math.max(this.#sparedUntil ?? 0, this.#clock.now() + time)
    this.#limited = true
  }

  /** It is new, or has been away: where slow start is on, it gets its share little by little. */
  startSlowly (): void {
    this.#fresh = false
    if (this.#slowStart === undefined) return
    this.#startedAt = this.#clock.now()
    this.#limited = true
  }
}
