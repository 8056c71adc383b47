import type { Test } from 'tap'
import type { Clock } from '../../lib/clock.js'
import balancer, { type BalancerOptions, type Pool, type PoolOptions } from '../../lib/index.js'
import { logged } from '../kit/index.js'

/** A pool without any route: what an aggregating handler has. */
export async function pooled (t: Test, options: PoolOptions, clock?: Clock): Promise<Pool> {
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, { pools: { pool: options }, ...(clock === undefined ? undefined : { clock }) } as BalancerOptions)
  await app.ready()
  return app.upstreams['pool'] as Pool
}

/** What is wrong with a pool in which nothing should be going on and nobody is to blame: nothing, it should turn out. */
export function leftOvers (pool: Pool): object[] {
  return pool.targets
    .map(({ url, inFlight, counters: { faults, failed, broken, unsent } }) => ({ url, inFlight, faults, failed, broken, unsent }))
    .filter(({ url, ...counts }) => Object.values(counts).some(count => count !== 0))
}
