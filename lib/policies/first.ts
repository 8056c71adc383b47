import { at, type PolicyFactory } from '../policy.js'

/** The first available target in the order of the configuration; the others stand by. Weights have no meaning here. */
export const first: PolicyFactory = () => targets => at(targets, 0)
