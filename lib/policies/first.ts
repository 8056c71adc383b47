import { at, explained, type PolicyFactory } from '../policy.js'

/** The first available target in the order of the configuration; the others stand by. Weights have no meaning here. */
export const first: PolicyFactory = () => explained(targets => at(targets, 0), targets => ({
  next: at(targets, 0),
  scores: targets.map((_, i) => i + 1),
  unit: 'place in the order of the configuration, first first',
  because: 'is the first in the order of the configuration'
}))
