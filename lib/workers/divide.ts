import { DEFAULT_BUDGET, DEFAULT_LIMITS, type PoolOptions, type RetryOptions } from '../pool-options.js'

/**
 * A pool's options for one of `count` workers: its part of what is limited for all of them together. Parts are rounded up, so
 * that a limit never becomes 0, which would be none; together they may be above the limit by less than `count`.
 *
 * Shares, times and what follows from a target's latency (`limits.adaptive`) are the same for a part of the traffic as for all of it.
 */
export function divided (options: PoolOptions, count: number): PoolOptions {
  const part = (whole: number): number => Math.ceil(whole / count)
  const { limits = {}, retries } = options
  const { inFlight = DEFAULT_LIMITS.inFlight, queue = DEFAULT_LIMITS.queue, target = 0, connections = 0, streams = 0 } = limits
  return {
    ...options,
    limits: {
      ...limits, inFlight: part(inFlight), queue: part(queue), target: part(target), connections: part(connections), streams: part(streams)
    },
    retries: dividedRetries(retries, part)
  }
}

function dividedRetries (retries: PoolOptions['retries'], part: (whole: number) => number): RetryOptions {
  const options = typeof retries === 'number' ? { max: retries } : retries ?? {}
  const { budget = {} } = options
  if (budget === false) return options
  return { ...options, budget: { ...budget, floor: part(budget.floor ?? DEFAULT_BUDGET.floor) } }
}
