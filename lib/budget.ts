import type { Clock } from './clock.js'
import { SlidingWindow } from './window.js'

export interface BudgetSettings {
  /** Retries that each request pays for: 0.2 is one retry for every five requests. */
  readonly share: number
  /** Retries per second that nobody has to pay for, so that a quiet pool can retry too. */
  readonly floor: number
  /** Milliseconds for which a deposit may be spent, and after which a withdrawal is forgotten. */
  readonly window: number
}

/**
 * Keeps retries a bounded share of the traffic, so that an outage is not multiplied by those who try again: with every
 * attempt failing, R requests per second become at most R × (1 + share) + floor attempts. Deposits and withdrawals expire
 * alike, as in Finagle's RetryBudget and tower's TpsBudget; the floor of a whole window may be spent in one go.
 */
export class RetryBudget {
  readonly #share: number
  readonly #reserve: number
  readonly #deposits: SlidingWindow
  readonly #withdrawals: SlidingWindow

  constructor (clock: Clock, { share, floor, window }: BudgetSettings) {
    this.#share = share
    this.#reserve = floor * window / 1000
    this.#deposits = new SlidingWindow(clock, window)
    this.#withdrawals = new SlidingWindow(clock, window)
  }

  /** Pays in for one request, not for its retries. */
  deposit (): void {
    this.#deposits.add()
  }

  /** Whether one retry may be made. It is paid for when it is decided, not when it is sent. */
  withdraw (): boolean {
    if (this.left < 1) return false
    this.#withdrawals.add()
    return true
  }

  /** Retries that could be made now, not rounded. */
  get left (): number {
    // What paid for a withdrawal can expire before it does.
    return Math.max(0, this.#share * this.#deposits.sum + this.#reserve - this.#withdrawals.sum)
  }
}
