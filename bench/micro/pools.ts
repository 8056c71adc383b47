/** Targets and pools that reach nobody. */
import type { Pool, PoolLogger } from '../../lib/pool.js'
import type { TargetConfig } from '../../lib/target-config.js'
import type { Build } from './build.js'
import type { Case } from './cases.js'

export const quiet: PoolLogger = { info () {}, warn () {}, error () {} }

/** Addresses out of 10.0.0.0/8; nobody ever connects to them. */
export function targetsOf (size: number, weights: readonly number[]): TargetConfig[] {
  return Array.from({ length: size }, (_, i) => ({
    url: `http://10.${i >> 16}.${i >> 8 & 255}.${i & 255}:3000`, weight: weights[i % weights.length] ?? 1
  }))
}

export function poolOf ({ Pool, poolSettings, systemClock }: Build, { options, weights }: Case, size: number): Pool {
  return new Pool(poolSettings('micro', { ...options, targets: targetsOf(size, weights) }, '', quiet, systemClock))
}
