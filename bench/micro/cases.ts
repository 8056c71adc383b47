/** What is measured: every policy, with equal weights and where it matters with unequal ones, and a client's own target. */
import type { PoolOptions } from '../../lib/pool-options.js'

export interface Case {
  readonly name: string
  readonly about: string
  /** Everything but the targets. */
  readonly options: Omit<PoolOptions, 'targets'>
  /** Weights that the targets have in turn. */
  readonly weights: readonly number[]
  /** Whether each request comes with the cookie of a target. */
  readonly sticky?: boolean
  /** How many different requests take turns. Default: 1024. */
  readonly requests?: number
}

const EQUAL = [1]
const UNEQUAL = [1, 2, 5]

function ownFunction (): PoolOptions['policy'] {
  let turn = 0
  return targets => {
    turn = (turn + 1) % targets.length
    return targets[turn] as NonNullable<typeof targets[number]>
  }
}

export const CASES: readonly Case[] = [
  { name: 'round-robin', about: 'equal weights', options: { policy: 'round-robin' }, weights: EQUAL },
  { name: 'round-robin-weights', about: 'weights 1, 2, 5', options: { policy: 'round-robin' }, weights: UNEQUAL },
  { name: 'least-requests', about: 'equal weights', options: { policy: 'least-requests' }, weights: EQUAL },
  { name: 'least-requests-weights', about: 'weights 1, 2, 5', options: { policy: 'least-requests' }, weights: UNEQUAL },
  { name: 'p2c', about: 'equal weights', options: { policy: 'p2c' }, weights: EQUAL },
  { name: 'p2c-weights', about: 'weights 1, 2, 5', options: { policy: 'p2c' }, weights: UNEQUAL },
  { name: 'random', about: 'equal weights', options: { policy: 'random' }, weights: EQUAL },
  { name: 'random-weights', about: 'weights 1, 2, 5', options: { policy: 'random' }, weights: UNEQUAL },
  { name: 'hash', about: 'keys that come back, equal weights', options: { policy: { name: 'hash', key: 'path' } }, weights: EQUAL },
  { name: 'hash-weights', about: 'the same, weights 1, 2, 5', options: { policy: { name: 'hash', key: 'path' } }, weights: UNEQUAL },
  { name: 'hash-new-keys', about: 'keys that do not come back, equal weights', options: { policy: { name: 'hash', key: 'path' } }, weights: EQUAL, requests: 32_768 },
  { name: 'first', about: 'equal weights', options: { policy: 'first' }, weights: EQUAL },
  { name: 'own-function', about: 'a function of the user that costs nothing', options: { policy: ownFunction() }, weights: EQUAL },
  {
    name: 'sticky',
    about: 'every request has the cookie of its target',
    options: { affinity: { cookie: 'target', secret: 'at least sixteen characters' } },
    weights: EQUAL,
    sticky: true
  }
]

export const SIZES: readonly number[] = [2, 10, 100, 1000, 10_000]
