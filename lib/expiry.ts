import { Chain, Link } from './chain.js'
import { noTimer, type Clock } from './clock.js'

/** Something that has a time to be over in, and is told when it is not. */
export abstract class Expiring extends Link {
  /** Where it waits; undefined when no time is set. */
  waits: ExpiryList | undefined = undefined
  /** When its time is over, by the clock. */
  due = 0

  /** Called once, when the time that was set is over. */
  abstract expired (): void

  /** Lifts the time. Does nothing when none is set. */
  inTime (): void {
    this.waits?.remove(this)
  }
}

/**
 * Many times of few lengths. A request is under way for milliseconds and its limit is half a minute away: a timer for each
 * would be made to be cancelled. What has the same length ends in the order in which it began, so one list for each length
 * and one timer for each list do, and they are as exact as a timer of its own.
 */
export class Expiries {
  readonly #clock: Clock
  readonly #lists = new Map<number, ExpiryList>()

  /** @param usual lengths, in milliseconds, whose timer is left to run when nobody waits any more: somebody soon will again */
  constructor (clock: Clock, usual: readonly number[] = []) {
    this.#clock = clock
    this.keep(usual)
  }

  /** Other lengths whose timer is left to run, in place of those before. */
  keep (usual: readonly number[]): void {
    for (const [ms, list] of this.#lists) {
      if (usual.includes(ms) || list.unused !== undefined) continue
      list.unused = () => { this.#lists.delete(ms) }
      list.release()
    }
    for (const ms of usual) {
      const list = this.#lists.get(ms)
      if (list === undefined) this.#lists.set(ms, new ExpiryList(this.#clock, ms))
      else list.unused = undefined
    }
  }

  /** Sets the time of `expiring` to `ms` milliseconds from now, whatever it was before. */
  set (expiring: Expiring, ms: number): void {
    expiring.inTime()
    let list = this.#lists.get(ms)
    if (list === undefined) {
      list = new ExpiryList(this.#clock, ms, () => { this.#lists.delete(ms) })
      this.#lists.set(ms, list)
    }
    list.add(expiring)
  }

  /** Ends the timers of those that nobody waits in. */
  stop (): void {
    for (const list of this.#lists.values()) list.rest()
  }
}

class ExpiryList {
  readonly #ms: number
  readonly #clock: Clock
  /** Called when it is of no more use; undefined when it is kept. */
  unused: (() => void) | undefined
  readonly #chain = new Chain<Expiring>()
  #cancel: () => void = noTimer

  constructor (clock: Clock, ms: number, unused?: () => void) {
    this.#clock = clock
    this.#ms = ms
    this.unused = unused
  }

  add (expiring: Expiring): void {
    expiring.due = this.#clock.now() + this.#ms
    expiring.waits = this
    this.#chain.append(expiring)
    this.#watch()
  }

  remove (expiring: Expiring): void {
    this.#chain.remove(expiring)
    expiring.waits = undefined
    if (this.unused !== undefined) this.release()
  }

  /** It is of no more use once nobody waits in it, which may be now. */
  release (): void {
    if (this.#chain.first !== undefined) return
    this.rest()
    this.unused?.()
  }

  /** Ends the timer when there is nothing to wait for. */
  rest (): void {
    if (this.#chain.first !== undefined) return
    this.#cancel()
    this.#cancel = noTimer
  }

  /** Sees to it that there is a timer while somebody waits. Who is told may come back at once, and is not the next then. */
  #watch (): void {
    const { first } = this.#chain
    if (first === undefined || this.#cancel !== noTimer) return
    // What those before it did when they were told may have taken all the time that it had left.
    this.#cancel = this.#clock.after(Math.max(0, first.due - this.#clock.now()), () => {
      this.#cancel = noTimer
      const now = this.#clock.now()
      for (let { first } = this.#chain; first !== undefined && first.due <= now; { first } = this.#chain) {
        this.remove(first)
        first.expired()
      }
      this.#watch()
    })
  }
}
