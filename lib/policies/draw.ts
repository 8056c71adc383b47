import type { Clock } from '../clock.js'
import { at, evenWeights } from '../policy.js'
import type { Target } from '../target.js'

/** How likely each is to be drawn. */
export function chancesByWeight (targets: readonly Target[]): number[] {
  const sum = targets.reduce((sum, { weight }) => sum + weight, 0)
  return targets.map(({ weight }) => weight / sum)
}

/** The one that is drawn whatever the dice say. */
export function loneOf (targets: readonly Target[]): Target | undefined {
  return targets.length === 1 ? targets[0] : undefined
}

/** Draws indexes at random, each with a chance in proportion to its target's weight. */
export interface Draw {
  one (targets: readonly Target[]): number
  /** Another index than `first`; `targets` must have two. */
  other (targets: readonly Target[], first: number): number
}

/**
 * The running sums of the weights are kept for as long as the array of targets is the same one. Equal weights need
 * none of it: one draw, no search.
 */
export function draw (clock: Clock): Draw {
  let known: readonly Target[] = []
  let even = true
  let sums = new Float64Array(0)

  function learn (targets: readonly Target[]): void {
    known = targets
    even = evenWeights(targets)
    if (even) return
    sums = new Float64Array(targets.length)
    let sum = 0
    for (let i = 0; i < targets.length; i++) {
      sum += at(targets, i).weight
      sums[i] = sum
    }
  }

  /** The first index whose running sum is above `point`. */
  function find (point: number): number {
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) > point) high = middle
      else low = middle + 1
    }
    return low
  }

  return {
    one (targets) {
      if (targets !== known) learn(targets)
      if (even) return Math.floor(clock.random() * targets.length)
      return find(clock.random() * (sums[sums.length - 1] ?? 0))
    },
    other (targets, first) {
      if (targets !== known) learn(targets)
      if (even) {
        const index = Math.floor(clock.random() * (targets.length - 1))
        return index < first ? index : index + 1
      }
      // Draw from the line of weights with the piece of `first` cut out, then step over the cut.
      const weight = at(targets, first).weight
      const start = (sums[first] ?? 0) - weight
      const point = clock.random() * ((sums[sums.length - 1] ?? 0) - weight)
      const index = find(point < start ? point : point + weight)
      // Rounding may land on the cut itself.
      return index === first ? (first + 1) % targets.length : index
    }
  }
}
