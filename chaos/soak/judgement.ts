import type { Usage } from '../report.js'

/** The heap after so many units of work. A unit is what the slope is given per. */
export interface Sample {
  readonly units: number
  /** Bytes after a collection. */
  readonly heap: number
}

export interface Soaked {
  /** What was done, for the heading. */
  readonly what: string
  /** What a unit is: `million requests`. */
  readonly unit: string
  readonly samples: readonly Sample[]
  /** Before anything was done, and when all of it was over. */
  readonly start: Usage
  readonly end: Usage
  /** Whether it was long enough for the slope to mean something. */
  readonly slopeCounts: boolean
}

export interface Judgement {
  /** Bytes per unit. */
  readonly slope: number
  readonly heapKept: boolean
  readonly socketsKept: boolean
  readonly timersKept: boolean
}

/** Bytes per unit that the heap may grow by. */
export const MOST_GROWTH = 1_000_000

export function judge ({ samples, start, end, slopeCounts }: Soaked): Judgement {
  // The first half compiles, and fills what is filled once.
  const slope = slopeOf(samples.slice(Math.floor(samples.length / 2)))
  return {
    slope,
    heapKept: !slopeCounts || slope < MOST_GROWTH,
    socketsKept: end.sockets <= start.sockets,
    timersKept: end.timers <= start.timers
  }
}

export function isWell ({ heapKept, socketsKept, timersKept }: Judgement): boolean {
  return heapKept && socketsKept && timersKept
}

/** Least squares; 0 when there are too few samples for a line. */
export function slopeOf (samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number => samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
  const [units, heap] = [mean(({ units }) => units), mean(({ heap }) => heap)]
  const spread = samples.reduce((sum, sample) => sum + (sample.units - units) ** 2, 0)
  if (spread === 0) return 0
  return samples.reduce((sum, sample) => sum + (sample.units - units) * (sample.heap - heap), 0) / spread
}
