import { at, load, type PolicyFactory } from '../policy.js'
import { draw } from './draw.js'

/**
 * Power of two choices: two different targets are drawn by weight and the less busy one is taken (Mitzenmacher, "The
 * Power of Two Choices in Randomized Load Balancing", 2001). Drawing without replacement matters: of two targets the
 * busier one is never taken. On a tie the first draw wins, so idle targets get shares by weight.
 */
export const p2c: PolicyFactory = clock => {
  const drawn = draw(clock)
  return targets => {
    const index = drawn.one(targets)
    const first = at(targets, index)
    if (targets.length === 1) return first
    const second = at(targets, drawn.other(targets, index))
    return load(second) < load(first) ? second : first
  }
}
