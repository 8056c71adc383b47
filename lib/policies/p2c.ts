import { at, explained, load, type PolicyFactory } from '../policy.js'
import type { Target } from '../target.js'
import { draw, loneOf } from './draw.js'

/**
 * Power of two choices: two different targets are drawn by weight and the less busy one is taken (Mitzenmacher, "The
 * Power of Two Choices in Randomized Load Balancing", 2001). Drawing without replacement matters: of two targets the
 * busier one is never taken. On a tie the first draw wins, so idle targets get shares by weight.
 */
export const p2c: PolicyFactory = clock => {
  const drawn = draw(clock)
  return explained(targets => {
    const index = drawn.one(targets)
    const first = at(targets, index)
    if (targets.length === 1) return first
    const second = at(targets, drawn.other(targets, index))
    return load(second) < load(first) ? second : first
  }, targets => ({
    next: loneOf(targets),
    scores: targets.map(load),
    unit: 'requests in flight by weight, fewest first of the two that are drawn',
    chances: chances(targets),
    because: targets.length === 1 ? 'is the only one' : 'is the less busy one of two that are drawn by weight'
  }))
}

/**
 * How likely each is to be picked: drawn first, with one behind it that is no less busy, or drawn behind one that is busier. In order
 * of load both are sums that grow, so that it takes one pass: pools may have thousands.
 */
function chances (targets: readonly Target[]): number[] {
  if (targets.length === 1) return [1]
  const loads = targets.map(load)
  const total = targets.reduce((sum, { weight }) => sum + weight, 0)
  const chances = new Array<number>(targets.length).fill(0)
  const busiestFirst = targets.map((_, i) => i).sort((a, b) => (loads[b] ?? 0) - (loads[a] ?? 0))
  /** Of those that are busier: their weights, and how likely a unit of weight is to be drawn behind each of them. */
  let busierWeight = 0
  let behindBusier = 0
  for (let start = 0; start < busiestFirst.length;) {
    let end = start
    let level = 0
    while (end < busiestFirst.length && loads[busiestFirst[end] ?? 0] === loads[busiestFirst[start] ?? 0]) level += at(targets, busiestFirst[end++] ?? 0).weight
    const same = busiestFirst.slice(start, end)
    for (const i of same) {
      const { weight } = at(targets, i)
      chances[i] = weight / total * (busierWeight + level - weight) / (total - weight) + weight * behindBusier
    }
    for (const i of same) {
      const { weight } = at(targets, i)
      behindBusier += weight / total / (total - weight)
    }
    busierWeight += level
    start = end
  }
  return chances
}
