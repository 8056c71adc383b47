import { jittered, type Clock } from '../clock.js'

/** Milliseconds that a worker must have served for its end not to be taken for the consequence of its start. */
const SETTLED = 10_000

/** Milliseconds before the second start in a row; doubles with each up to the longest. */
const FIRST = 100
const LONGEST = 30_000

/** Many gateways that fail for the same reason should not come back in step. */
const JITTER = 0.2

/** How long to wait before a worker that has ended is started again: not at all the first time, and longer each time that it ends soon. */
export class Restarts {
  readonly #clock: Clock
  #soon = 0

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /**
   * @param served milliseconds that it was ready for, 0 when it never was
   * @returns milliseconds
   */
  next (served: number): number {
    if (served >= SETTLED) this.#soon = 0
    const before = this.#soon++
    return before === 0 ? 0 : jittered(this.#clock, Math.min(FIRST * 2 ** (before - 1), LONGEST), JITTER)
  }
}
