import type { Clock } from './clock.js'

/**
 * A count of what happened lately. Time is cut into buckets and the oldest one is dropped whole, so what is added is
 * counted for at most `window` milliseconds and for at least all but one bucket of it. Over any `window` that begins with
 * a bucket the count is exact. No timers: buckets are dropped when somebody looks. O(buckets).
 */
export class SlidingWindow {
  readonly #clock: Clock
  readonly #window: number
  readonly #start: number
  readonly #counts: number[]
  /** Number of the bucket that is being filled, from 0 at the start. */
  #current = 0

  /** @param window in milliseconds */
  constructor (clock: Clock, window: number, buckets = 10) {
    this.#clock = clock
    this.#window = window
    this.#start = clock.now()
    // Not a typed array: those of more than 64 bytes are kept outside of the heap, at some hundred bytes each.
    this.#counts = Array.from({ length: buckets }, () => 0)
  }

  add (n = 1): void {
    this.#rotate()
    const slot = this.#current % this.#counts.length
    this.#counts[slot] = (this.#counts[slot] ?? 0) + n
  }

  get sum (): number {
    this.#rotate()
    // Added up anew: a running total of fractions would drift.
    let sum = 0
    for (const count of this.#counts) sum += count
    return sum
  }

  clear (): void {
    this.#counts.fill(0)
  }

  #rotate (): void {
    const { length } = this.#counts
    // Multiplied first, so that whole milliseconds make no rounding error at the edge of a bucket.
    const current = Math.floor((this.#clock.now() - this.#start) * length / this.#window)
    const dropped = Math.min(current - this.#current, length)
    for (let i = 0; i < dropped; i++) this.#counts[(current - i) % length] = 0
    this.#current = current
  }
}
