export interface AdaptiveSettings {
  /** Requests in flight at the start. */
  readonly initial: number
  /** The limit never falls below this. */
  readonly min: number
  /** The limit never rises above this. */
  readonly max: number
  /** How much of the way to a new limit is gone with each sample, from 0 to 1. */
  readonly smoothing: number
  /** Requests that may wait at the target: how far the limit reaches above what is answered without delay. */
  readonly queueSize: number
  /** Samples that the long average looks back on. */
  readonly longWindow: number
}

/** Samples that the long average is a plain mean of, before it forgets. */
const WARM_UP = 10
/** The most by which one sample may lower the limit, before smoothing: one outlier should not turn a crowd away. */
const STEEPEST = 0.5
/** More than this many times the latest latency, the long average is a memory of a bad time that is over. */
const OVER = 2
const FORGET = 0.9
/** Milliseconds. A coarse clock may show no time at all, and latencies are divided by one another. */
const SHORTEST = 0.001

/**
 * How many requests a target takes at once, learnt from its latency: Gradient2 of Netflix's concurrency-limits, without
 * its tolerance. A latency above the long average means that requests wait, and lowers the limit by the ratio of the two;
 * `queueSize` raises it. They meet at queueSize / (1 − ratio).
 *
 * The long average follows a load that never lets up, and the limit creeps up with it, by about queueSize × 2 / longWindow
 * a sample, up to `max`. A lull shows the average what it is like without waiting, and the limit comes down again.
 */
export class Gradient2 {
  readonly #settings: AdaptiveSettings
  #limit: number
  #long = 0
  #samples = 0

  constructor ({ initial = 20, min = 20, max = 200, smoothing = 0.2, queueSize = 4, longWindow = 600 }: Partial<AdaptiveSettings> = {}) {
    this.#settings = { initial, min, max, smoothing, queueSize, longWindow }
    this.#limit = initial
  }

  /** Requests that may be in flight, a whole number. */
  get limit (): number {
    return Math.floor(this.#limit)
  }

  /**
   * @param rtt latency of one answer in milliseconds
   * @param inFlight requests that were in flight with it, itself among them
   */
  sample (rtt: number, inFlight: number): void {
    const { min, max, smoothing, queueSize } = this.#settings
    const short = Math.max(rtt, SHORTEST)
    const ratio = this.#average(short) / short
    if (ratio > OVER) this.#long *= FORGET
    // A limit that nobody comes near has not been tried.
    if (inFlight < this.#limit / 2) return
    const wanted = this.#limit * Math.max(STEEPEST, Math.min(1, ratio)) + queueSize
    this.#limit = Math.max(min, Math.min(max, this.#limit * (1 - smoothing) + wanted * smoothing))
  }

  #average (short: number): number {
    this.#samples++
    const share = this.#samples <= WARM_UP ? 1 / this.#samples : 2 / (this.#settings.longWindow + 1)
    this.#long += (short - this.#long) * share
    return this.#long
  }
}
