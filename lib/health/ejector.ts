import { noTimer, type Clock } from '../clock.js'
import type { TlsSettings } from '../connector.js'
import type { PoolCounters } from '../counters.js'
import type { Outcome } from '../outcome.js'
import { printable } from '../printable.js'
import type { Target } from '../target.js'
import { Ejection, type EjectionSettings } from './ejection.js'
import { isOutrun, type Breaker, type BreakerFactory, type FaultRule } from './passive.js'
import { reconnected } from './reconnect.js'

/** Passive health, checked and complete. */
export interface BreakerSettings {
  readonly breaker: BreakerFactory
  readonly isFault: FaultRule
  readonly ejection: EjectionSettings
  /** Share of the targets that may be ejected at once. One may always be, the last one never. */
  readonly maxEjected: number
  /** Milliseconds between two tries to connect to a target that was ejected because nobody could; 0 waits for its time to be over. */
  readonly reconnect: number
}

export interface EjectorSettings extends BreakerSettings {
  readonly clock: Clock
  readonly tls: TlsSettings
  /** Milliseconds that connecting may take. */
  readonly timeout: number
  readonly counters: Pick<PoolCounters, 'ejections'>
  /** The targets that are in the pool now. */
  members (): readonly Target[]
  /** Carries out a change of a target's standing, and tells everyone. */
  change (target: Target, change: () => void, reason: string): void
}

/** What is known of one target. */
interface Judged {
  breaker: Breaker
  ejection: Ejection
  /** Ends the wait for the end of its ejection. */
  cancel: () => void
  /** Milliseconds of the latest ejection. */
  time: number
  /** Whether it is tried to connect to it. */
  connecting: boolean
}

/**
 * Takes targets out of rotation for what their attempts come to, and lets them back in.
 *
 * up → (the breaker says so) → down → (its time is over, or it can be connected to again) → trial → (a request goes well) → up.
 * A trial that fails is another ejection, for longer.
 *
 * Whether a target can be ejected depends on the others: most of them have to stay, or what is left would be overrun. Those that
 * can not be connected to do not count: with them in rotation the others get the very same requests, only later. The last one
 * always stays.
 */
export class Ejector {
  #settings: EjectorSettings
  readonly #judged = new Map<Target, Judged>()
  #stopped = false

  constructor (settings: EjectorSettings) {
    this.#settings = settings
  }

  /**
   * Takes in what an attempt came to.
   *
   * @param era that of its target when it was begun
   */
  record (target: Target, outcome: Outcome, era: number): void {
    const { standing } = target
    // Begun before the latest ejection, or before its end: that has been judged.
    if (this.#stopped || era !== standing.era) return
    if (standing.ejected) {
      if (!this.#settings.isFault(outcome) && !isOutrun(outcome)) {
        if (outcome.kind === 'answered') this.#restore(target)
      } else if (target.health === 'trial') {
        this.#eject(target, outcome)
      }
      return
    }
    if (this.#of(target).breaker.record(outcome)) {
      if (this.#mayEject(target, outcome)) this.#eject(target, outcome)
      else standing.failing = describe(outcome)
    } else if (standing.failing !== undefined && outcome.kind === 'answered' && !this.#settings.isFault(outcome)) {
      standing.failing = undefined
    }
  }

  /** An operator takes a target out for so many milliseconds; then a request may show whether it is well. */
  ejectFor (target: Target, time: number, reason: string): void {
    const { clock, counters, change } = this.#settings
    const judged = this.#of(target)
    judged.breaker.reset()
    counters.ejections++
    judged.time = time
    change(target, () => { target.standing.eject(reason, false, clock.now() + time, 'operator') }, reason)
    this.#awaitEnd(target, judged, false)
  }

  /** Somebody else knows that the target is well. */
  pardon (target: Target): void {
    if (target.standing.ejected) {
      this.#restore(target)
    } else {
      target.standing.failing = undefined
      this.#judged.get(target)?.breaker.reset()
    }
  }

  /** The target has left. */
  forget (target: Target): void {
    this.#judged.get(target)?.cancel()
    this.#judged.delete(target)
  }

  /**
   * Other settings. Ejections go on.
   *
   * @param anew whether the rules are others, by which what was counted so far says nothing
   */
  reconfigure (settings: EjectorSettings, anew: boolean): void {
    const { tls, timeout, reconnect } = this.#settings
    this.#settings = settings
    if (this.#stopped) return
    // What kept it from being connected to may be what has changed.
    if (settings.tls !== tls || settings.timeout !== timeout || settings.reconnect !== reconnect) {
      for (const [target, judged] of this.#judged) if (judged.connecting) this.#awaitEnd(target, judged, true)
    }
    if (!anew) return
    for (const judged of this.#judged.values()) {
      judged.breaker = settings.breaker(settings.clock)
      judged.ejection = new Ejection(settings.clock, settings.ejection)
    }
  }

  /** Passive health is switched off: nobody else would let back in who is out. */
  release (): void {
    for (const target of [...this.#judged.keys()]) if (target.standing.ejected) this.#restore(target)
    this.stop()
  }

  /** No more ejections, and no more timers. */
  stop (): void {
    this.#stopped = true
    for (const { standing } of this.#judged.keys()) standing.failing = undefined
    for (const { cancel } of this.#judged.values()) cancel()
  }

  #of (target: Target): Judged {
    let judged = this.#judged.get(target)
    if (judged === undefined) {
      const { clock, breaker, ejection } = this.#settings
      judged = { breaker: breaker(clock), ejection: new Ejection(clock, ejection), cancel: noTimer, time: 0, connecting: false }
      this.#judged.set(target, judged)
    }
    return judged
  }

  #mayEject (target: Target, outcome: Outcome): boolean {
    const { members, maxEjected } = this.#settings
    let others = 0
    let up = false
    let ejected = 0
    for (const other of members()) {
      const { standing } = other
      if (other === target || standing.withdrawn) continue
      others++
      if (other.health === 'up') up = true
      if (standing.ejected && !standing.unreachable) ejected++
    }
    if (!up) return false
    return outcome.kind === 'unsent' || ejected + 1 <= Math.max(1, Math.floor((others + 1) * maxEjected))
  }

  #eject (target: Target, outcome: Outcome): void {
    const { clock, counters, change, reconnect } = this.#settings
    const judged = this.#of(target)
    const reason = `ejected: ${describe(outcome)}`
    const unreachable = outcome.kind === 'unsent'
    judged.breaker.reset()
    const time = judged.time = judged.ejection.next()
    const connects = unreachable && reconnect > 0
    counters.ejections++
    change(target, () => { target.standing.eject(reason, unreachable, connects ? undefined : clock.now() + time) }, reason)
    this.#awaitEnd(target, judged, unreachable)
  }

  /** An ejection ends when its time is over, or when one that could not be connected to can be again. */
  #awaitEnd (target: Target, judged: Judged, unreachable: boolean): void {
    const { clock, reconnect, tls, timeout } = this.#settings
    judged.cancel()
    judged.connecting = unreachable && reconnect > 0
    if (judged.connecting) {
      const waiting = new AbortController()
      judged.cancel = () => { waiting.abort() }
      void reconnected(target, { clock, tls, interval: reconnect, timeout }, waiting.signal).then(connected => {
        if (connected) this.#tryOut(target, 'it can be connected to again')
      })
    } else {
      judged.cancel = clock.after(judged.time, () => { this.#tryOut(target, 'its ejection is over') })
    }
  }

  #tryOut (target: Target, reason: string): void {
    if (this.#stopped || target.health === 'trial' || !target.standing.ejected) return
    this.#of(target).connecting = false
    this.#settings.change(target, () => { target.standing.tryOut() }, reason)
  }

  #restore (target: Target): void {
    const judged = this.#of(target)
    judged.cancel()
    judged.cancel = noTimer
    judged.connecting = false
    judged.breaker.reset()
    judged.ejection.recovered()
    this.#settings.change(target, () => { target.standing.restore() }, 'it answers again')
  }
}

function describe (outcome: Outcome): string {
  if (outcome.kind === 'answered') return `status ${outcome.status}`
  return printable(outcome.error.message) || (outcome.error as NodeJS.ErrnoException).code || outcome.kind
}
