import type { Clock } from '../clock.js'

/** What waits in a timetable, at most once. */
export interface Waiting {
  /** Its time has come. */
  due (): void
}

/** Those whose time is the same wait with one timer: to be woken costs more than what thousands of probes have to do. */
export class Timetable {
  readonly #clock: Clock
  readonly #times = new Map<number, { readonly who: Set<Waiting>, readonly cancel: () => void }>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /**
   * @param at later than now
   * @returns what `remove` needs to be told
   */
  add (who: Waiting, at: number): number {
    const found = this.#times.get(at)
    if (found !== undefined) {
      found.who.add(who)
    } else {
      const cancel = this.#clock.after(at - this.#clock.now(), () => { this.#ring(at) })
      this.#times.set(at, { who: new Set([who]), cancel })
    }
    return at
  }

  /** Does nothing once its time has come. One of those whose time comes may take another one out. */
  remove (who: Waiting, at: number): void {
    const found = this.#times.get(at)
    if (found === undefined) return
    found.who.delete(who)
    if (found.who.size > 0) return
    found.cancel()
    this.#times.delete(at)
  }

  #ring (at: number): void {
    for (const who of this.#times.get(at)?.who ?? []) who.due()
    this.#times.delete(at)
  }
}
