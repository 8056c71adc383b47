/** Which charts there are: by file name in docs/. */
import { OURS } from '../candidates.js'
import type { WorkloadResult } from '../measurement.js'
import { summarise, type Summary } from '../summary.js'
import { drawBars, type Bar } from './bars.js'

export const OVERVIEW = 'bench-overview.svg'

export const chartOf = ({ name }: WorkloadResult): string => `bench-${name}.svg`

export function charts (workloads: readonly WorkloadResult[]): ReadonlyMap<string, string> {
  const drawn = new Map<string, string>()
  const overview = workloads.flatMap(overviewBar)
  if (overview.length > 0) drawn.set(OVERVIEW, drawBars({ title: 'fastify-balancer by workload', subtitle: subtitle('reply-from'), bars: overview }))
  for (const workload of workloads) {
    const { about, comparisons } = workload
    const reference = comparisons[0]?.reference ?? ''
    // Every group of variants has the reference again; once is enough.
    const bars = comparisons.flatMap((comparison, i) => summarise(comparison).filter(({ label }) => i === 0 || label !== reference).flatMap(bar))
    if (bars.length > 0) drawn.set(chartOf(workload), drawBars({ title: about, subtitle: subtitle(reference), bars }))
  }
  return drawn
}

const subtitle = (reference: string): string => `processor time; 1 is that of ${reference}`

/** One for each workload in which ours is compared with reply-from. */
function overviewBar ({ name, comparisons }: WorkloadResult): readonly Bar[] {
  return comparisons.filter(({ reference }) => reference === 'reply-from')
    .flatMap(summarise).filter(({ label }) => label === OURS).flatMap(bar).map(bar => ({ ...bar, label: name }))
}

function bar ({ label, candidate, ratio }: Summary): readonly Bar[] {
  return ratio === undefined ? [] : [{ label, value: ratio.median, min: ratio.min, max: ratio.max, ours: candidate === OURS }]
}
