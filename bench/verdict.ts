import { MARGIN, type Limit } from './promises.js'
import type { Ratio } from './statistics.js'

/** Whether a ratio is no more above its promise than chance would have it. One that could not be measured is not. */
export function isKept ({ ratio: promised }: Limit, found: Ratio | undefined): boolean {
  return found !== undefined && found.median <= promised * (1 + MARGIN)
}

/** Those of `limits` that a run has not kept; `found` is by workload. */
export function notKept (limits: readonly Limit[], found: ReadonlyMap<string, Ratio>): readonly Limit[] {
  return limits.filter(limit => !isKept(limit, found.get(limit.workload)))
}

/** Runs once, and once more what was not kept: broken is what was above its promise both times. */
export async function judge (limits: readonly Limit[], run: (limits: readonly Limit[]) => Promise<ReadonlyMap<string, Ratio>>): Promise<readonly Limit[]> {
  const doubtful = notKept(limits, await run(limits))
  return doubtful.length === 0 ? [] : notKept(doubtful, await run(doubtful))
}
