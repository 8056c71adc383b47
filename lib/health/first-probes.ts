import { noTimer, type Clock } from '../clock.js'

/** First probes that are under way at a time: each makes a connection, and what memory thousands need at once is not soon given back. */
const AT_ONCE = 32

/** How long, in milliseconds, they are waited for: targets that do not answer must not keep those behind them from being asked. */
const PATIENCE = 250

/** Spreads the first probes of very many targets; those of a few all begin at once. */
export class FirstProbes {
  readonly #clock: Clock
  readonly #underWay = new Set<object>()
  readonly #waiting = new Map<object, () => void>()
  #cancel = noTimer

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** Calls `begin` when it is the turn of `who`, which may be now. */
  enter (who: object, begin: () => void): void {
    if (this.#underWay.size < AT_ONCE) {
      this.#underWay.add(who)
      begin()
    } else {
      if (this.#waiting.size === 0) this.#hurry()
      this.#waiting.set(who, begin)
    }
  }

  /** `who` has ended its first probe, or does not want to begin any more. */
  leave (who: object): void {
    const waited = this.#waiting.delete(who)
    if (this.#underWay.delete(who) || waited) this.#admit()
  }

  /** Nobody gets a turn any more. */
  clear (): void {
    this.#underWay.clear()
    this.#waiting.clear()
    this.#admit()
  }

  #admit (): void {
    for (const [who, begin] of this.#waiting) {
      if (this.#underWay.size >= AT_ONCE) return
      this.#waiting.delete(who)
      this.#underWay.add(who)
      begin()
    }
    this.#cancel()
    this.#cancel = noTimer
  }

  #hurry (): void {
    this.#cancel = this.#clock.after(PATIENCE, () => {
      this.#underWay.clear()
      this.#hurry()
      this.#admit()
    })
  }
}
