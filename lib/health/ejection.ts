import { jittered, type Clock } from '../clock.js'

export interface EjectionSettings {
  /** Milliseconds of the first ejection. Each one in a row lasts twice as long as the one before. */
  readonly base: number
  /** Milliseconds that none lasts longer than. */
  readonly max: number
  /** Share by which each varies either way, so that many gateways do not come back to a target in step. */
  readonly jitter: number
}

/**
 * How long a target is left alone. Passing a trial is not enough to start anew: a target that can take one request and
 * fails with a hundred would be ejected for the shortest time for ever. It has to be well for as long as its last
 * ejection lasted.
 */
export class Ejection {
  readonly #clock: Clock
  readonly #settings: EjectionSettings
  #count = 0
  #last = 0
  #recoveredAt: number | undefined

  constructor (clock: Clock, settings: EjectionSettings) {
    this.#clock = clock
    this.#settings = settings
  }

  /** Ejections in the present row. A row ends when the next one begins: until then it counts those before a recovery too. */
  get count (): number {
    return this.#count
  }

  /** Milliseconds of the ejection that begins now. */
  next (): number {
    if (this.#recoveredAt !== undefined && this.#clock.now() - this.#recoveredAt >= this.#last) this.#count = 0
    this.#recoveredAt = undefined
    const { base, max, jitter } = this.#settings
    // The longest are spread too: cut off at `max`, half of the gateways would come back at the same moment.
    this.#last = jittered(this.#clock, Math.min(base * 2 ** this.#count, max / (1 + jitter)), jitter)
    this.#count++
    return this.#last
  }

  /** The trial was passed: the target is well from now on, until the next ejection. */
  recovered (): void {
    this.#recoveredAt ??= this.#clock.now()
  }
}
