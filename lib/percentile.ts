import type { Clock } from './clock.js'

/** Milliseconds. Nothing is answered over a socket in less than 10 µs; above the highest is as long as anybody waits. */
const LOWEST = 0.01
const HIGHEST = 120_000
/** Each bucket reaches this much further than the one before; its middle is at most 4.9 % from what is in it. */
const GROWTH = Math.log(1.1)
const BUCKETS = Math.ceil(Math.log(HIGHEST / LOWEST) / GROWTH)

/** Fewer samples say little about the slowest: of 100, one is beyond the 99th percentile. */
const ENOUGH = 100

/**
 * Percentiles of recent latencies, to 5 %, from 10 µs to two minutes; what lies outside counts as the nearest. A sample
 * costs a logarithm and no memory. The window is two halves, and the older is dropped whole: what is asked for is of the
 * latest half to whole `window` milliseconds.
 */
export class Percentiles {
  readonly #clock: Clock
  readonly #half: number
  #since: number
  #current = new Uint32Array(BUCKETS)
  #previous = new Uint32Array(BUCKETS)
  #currentCount = 0
  #previousCount = 0

  /** @param window in milliseconds */
  constructor (clock: Clock, window = 30_000) {
    this.#clock = clock
    this.#half = window / 2
    this.#since = clock.now()
  }

  /** Samples in the window. */
  get count (): number {
    this.#rotate()
    return this.#currentCount + this.#previousCount
  }

  add (ms: number): void {
    this.#rotate()
    const bucket = ms > LOWEST ? Math.min(BUCKETS - 1, Math.floor(Math.log(ms / LOWEST) / GROWTH)) : 0
    this.#current[bucket] = (this.#current[bucket] ?? 0) + 1
    this.#currentCount++
  }

  /**
   * The latency in milliseconds that a share `q` of the samples do not exceed: 0.95 is the 95th percentile. Undefined
   * while there are too few samples to tell.
   */
  at (q: number): number | undefined {
    const count = this.count
    if (count < ENOUGH) return undefined
    const rank = Math.max(1, Math.min(count, Math.ceil(q * count)))
    let bucket = 0
    let seen = this.#in(0)
    while (seen < rank) seen += this.#in(++bucket)
    return LOWEST * Math.exp((bucket + 0.5) * GROWTH)
  }

  #in (bucket: number): number {
    return (this.#current[bucket] ?? 0) + (this.#previous[bucket] ?? 0)
  }

  #rotate (): void {
    const halves = Math.floor((this.#clock.now() - this.#since) / this.#half)
    if (halves === 0) return
    this.#since += halves * this.#half
    const oldest = this.#previous
    this.#previous = this.#current
    this.#previousCount = this.#currentCount
    this.#current = oldest.fill(0)
    this.#currentCount = 0
    // After a long silence even the newer half is old.
    if (halves > 1) {
      this.#previous.fill(0)
      this.#previousCount = 0
    }
  }
}
