export interface SlowStartSettings {
  /** Milliseconds until a target gets its whole share. */
  readonly window: number
  /** The share that it starts with, above 0: with nothing at all it would never warm up. */
  readonly minimum: number
  /** 1 grows in a straight line, more gives more at once, less holds back longer. */
  readonly aggression: number
}

/** The curve would start at nothing; the first second counts as one. */
const FIRST = 1000

/** What share of its weight a target gets `elapsed` milliseconds after it came up. Envoy's curve. */
export function slowStartFactor (elapsed: number, { window, minimum, aggression }: SlowStartSettings): number {
  return Math.min(1, Math.max(minimum, (Math.max(elapsed, FIRST) / window) ** (1 / aggression)))
}

/** Fractions do not add up to a whole exactly: ten times 0.1 is a little less than 1. */
const ROUNDING = 1e-9

/**
 * Lets a share of calls through, evenly spread and without dice: a third is every third call. Each call earns its share
 * and is let through when that makes a whole, so the first one never goes ahead of its share.
 */
export class Turns {
  #credit = 0

  /** @param share may differ from call to call; from 1 on everything is let through, and leaves the credit as it is */
  take (share: number): boolean {
    if (share >= 1) return true
    this.#credit += share
    if (this.#credit < 1 - ROUNDING) return false
    this.#credit -= 1
    return true
  }

  /** What `take` would say. */
  wouldTake (share: number): boolean {
    return share >= 1 || this.#credit + share >= 1 - ROUNDING
  }
}

/** The most turns that are kept for a target that was not picked for a while: enough for those that chance makes it wait for. */
const MOST_KEPT = 32

/**
 * What being picked is worth to one target among others. A policy that goes by load picks an idle target over and over while it
 * turns requests down, so a share of its picks would be many times its share of the traffic. It earns its part of a turn with
 * every pick of anybody, and a pick of its own spends one turn at the most.
 */
export class Part {
  #seen: number
  #kept = 0

  /** @param picks of anybody so far */
  constructor (picks: number) {
    this.#seen = picks - 1
  }

  /**
   * @param picks of anybody so far
   * @param part of all picks that is its own
   * @returns turns, 1 at the most
   */
  take (picks: number, part: number): number {
    const earned = this.#earned(picks, part)
    const spent = Math.min(1, earned)
    this.#seen = picks
    this.#kept = earned - spent
    return spent
  }

  /** What `take` would return. */
  wouldTake (picks: number, part: number): number {
    return Math.min(1, this.#earned(picks, part))
  }

  #earned (picks: number, part: number): number {
    return Math.min(MOST_KEPT, this.#kept + (picks - this.#seen) * part)
  }
}
