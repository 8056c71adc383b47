import type { Usage } from './usage.js'
import type { Measured } from './load/load.js'

/** What one candidate did in one round. */
export interface Round {
  readonly perSecond: number
  /** µs of processor time for each request, message or event; undefined when the system does not tell. */
  readonly cpu?: number
  /** ms. */
  readonly p50: number
  readonly p99: number
  /** Resident MiB at the end of the round. */
  readonly memory?: number
  /** A round with errors counts for nothing. */
  readonly errors: readonly string[]
}

export interface Measurement {
  readonly label: string
  readonly candidate: string
  readonly rounds: readonly Round[]
}

/** What was measured in turn: the rounds of the same place belong together. */
export interface Comparison {
  readonly reference: string
  readonly measurements: readonly Measurement[]
}

export interface WorkloadResult {
  readonly name: string
  readonly about: string
  readonly unit: string
  readonly connections: number
  readonly upstream: string
  readonly load: string
  readonly rounds: number
  /** Of each round. */
  readonly seconds: number
  /** Seconds of processor time before the first round. */
  readonly warmUp: number
  /** Date and time in UTC. */
  readonly at: string
  readonly comparisons: readonly Comparison[]
}

export function roundOf (measured: Measured, before: Usage | undefined, after: Usage | undefined): Round {
  const { count, perSecond, p50, p99, errors } = measured
  return {
    perSecond,
    p50,
    p99,
    errors,
    ...before !== undefined && after !== undefined && { cpu: (after.cpu - before.cpu) / 1e3 / count, memory: after.memory / 2 ** 20 }
  }
}
