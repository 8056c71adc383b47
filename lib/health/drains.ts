import { noTimer, type Clock } from '../clock.js'
import type { Target } from '../target.js'

/** The longest, in milliseconds, that a target may have itself drained for; it may ask again. */
const LONGEST = 3_600_000

/**
 * Targets that have asked to be drained, each for as long as it asked. A server that is about to stop says so in its last answers,
 * and nobody has to find out by a connection that is refused.
 */
export class Drains {
  readonly #clock: Clock
  /** Carries out a change of a target's standing, and tells everyone. */
  readonly #change: (target: Target, change: () => void, reason: string) => void
  readonly #ends = new Map<Target, { at: number, cancel: () => void }>()
  #stopped = false

  constructor (clock: Clock, change: (target: Target, change: () => void, reason: string) => void) {
    this.#clock = clock
    this.#change = change
  }

  /** @param ms for how long from now; 0 takes an earlier wish back */
  ask (target: Target, ms: number): void {
    if (this.#stopped) return
    const at = this.#clock.now() + Math.min(ms, LONGEST)
    const end = this.#ends.get(target)
    if (ms === 0) {
      if (end !== undefined) this.#end(target)
    } else if (end !== undefined) {
      // Every answer may say so again; the one timer finds out when it is over.
      end.at = Math.max(end.at, at)
    } else {
      this.#ends.set(target, { at, cancel: noTimer })
      this.#wait(target)
      this.#change(target, () => { target.standing.askedToDrain('answer', 'it asked to be drained') }, 'it asked to be drained')
    }
  }

  /** The target has left. */
  forget (target: Target): void {
    this.#ends.get(target)?.cancel()
    this.#ends.delete(target)
  }

  /** No more drains, and no more timers. */
  stop (): void {
    this.#stopped = true
    for (const target of [...this.#ends.keys()]) this.forget(target)
  }

  #wait (target: Target): void {
    const end = this.#ends.get(target)
    if (end === undefined) return
    end.cancel = this.#clock.after(end.at - this.#clock.now(), () => {
      if (this.#clock.now() < end.at) this.#wait(target)
      else this.#end(target)
    })
  }

  #end (target: Target): void {
    this.forget(target)
    this.#change(target, () => { target.standing.askedToDrain('answer', undefined) }, 'it asked to be drained until now')
  }
}
