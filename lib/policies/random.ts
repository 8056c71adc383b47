import { at, type PolicyFactory } from '../policy.js'
import { draw } from './draw.js'

/** Each target with a chance in proportion to its weight. O(1), O(log n) with unequal weights. */
export const random: PolicyFactory = clock => {
  const drawn = draw(clock)
  return targets => at(targets, drawn.one(targets))
}
