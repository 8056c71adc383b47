import { at, explained, type PolicyFactory } from '../policy.js'
import { chancesByWeight, draw, loneOf } from './draw.js'

/** Each target with a chance in proportion to its weight. O(1), O(log n) with unequal weights. */
export const random: PolicyFactory = clock => {
  const drawn = draw(clock)
  return explained(targets => at(targets, drawn.one(targets)), targets => ({
    next: loneOf(targets),
    chances: chancesByWeight(targets),
    because: targets.length === 1 ? 'is the only one' : 'is drawn at random, by weight'
  }))
}
