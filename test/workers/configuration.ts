import type { PoolsOptions } from '../../lib/workers/index.js'

/** What the programs of these tests are configured with. */
export interface Configuration {
  readonly port: number
  readonly name: string
  readonly pools: PoolsOptions
  /** Ids of workers that can not take it on, and what they do instead. */
  readonly refuse?: readonly number[]
  readonly silent?: readonly number[]
  readonly die?: readonly number[]
  /** How a worker starts: not at all, or only to hang. */
  readonly start?: 'fails' | 'exits' | 'hangs'
  readonly stop?: 'fails' | 'hangs'
}

export function configuration (pools: PoolsOptions, more: Partial<Configuration> = {}): Configuration {
  return { port: 0, name: 'first', pools, ...more }
}
