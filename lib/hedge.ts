import type { Clock } from './clock.js'
import { Percentiles } from './percentile.js'

/** When a request that is still unanswered is sent to a second target as well ("The Tail at Scale", Dean and Barroso, 2013). */
export interface Hedge {
  /** Milliseconds after the first attempt; undefined while that can not be told. */
  delay (): number | undefined
  /** Takes in the time that an answer took, ms. */
  answered (latency: number): void
}

/** @param options `delay` in milliseconds, or a `percentile` (0.95: those slower than 95 of 100), which needs a hundred recent answers */
export function hedging (clock: Clock, options: { readonly delay: number } | { readonly percentile: number }): Hedge {
  if ('delay' in options) return { delay: () => options.delay, answered () {} }
  const latencies = new Percentiles(clock)
  return {
    delay: () => latencies.at(options.percentile),
    answered (latency) { latencies.add(latency) }
  }
}
