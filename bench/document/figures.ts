/** The part of docs/benchmarks.md that a run writes. */
import type { WorkloadResult } from '../measurement.js'
import type { Result } from '../result.js'
import { markdown, rowsOf } from '../rows.js'
import { chartOf, OVERVIEW } from './charts.js'

/** `charts` are the names of those that have been drawn. */
export function figures (result: Result, charts: ReadonlySet<string>): string {
  return [
    shape(result),
    made(result),
    ...hasty(result),
    ...charts.has(OVERVIEW) ? [`![Processor time of fastify-balancer in relation to plain reply-from, by workload](${OVERVIEW})`] : [],
    ...result.workloads.map(workload => section(workload, charts))
  ].join('\n\n')
}

function shape ({ machine: { processor, cores, memoryGiB, system, node }, pins, commit }: Result): string {
  return [
    '### The machine',
    `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}; ${pins}.${commit === '' ? '' : ` Commit ${commit.replace(/\+$/, ' with changes')}.`}`
  ].join('\n\n')
}

function made ({ about, versions }: Result): string {
  const rows = Object.keys(about).map(name => [`\`${name}\``, about[name] ?? '', versions[name] ?? ''])
  return `### The candidates\n\n${markdown([['name', 'what it is', 'version'], ...rows]).replaceAll('---:', '---')}`
}

/** Fewer rounds than that say little. */
const ROUNDS = 5

function hasty ({ workloads }: Result): readonly string[] {
  return workloads.every(({ rounds }) => rounds >= ROUNDS)
    ? []
    : [`**These are figures of a short run**, of fewer than ${ROUNDS} rounds for some workloads. They show what the tables look like, and nothing should be concluded from them.`]
}

function section (workload: WorkloadResult, charts: ReadonlySet<string>): string {
  const { name, about, connections, upstream, load, rounds, seconds, warmUp, at } = workload
  const chart = chartOf(workload)
  return [
    `### ${capital(about)}`,
    `\`--only ${name}\`: ${connections} connections, ${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${seconds} s after ${warmUp} s of warm-up, load by ${load}, upstream ${upstream}, ${at.slice(0, 10)}.`,
    ...charts.has(chart) ? [`![${about}](${chart})`] : [],
    markdown(rowsOf(workload)),
    ...errors(workload)
  ].join('\n\n')
}

/** A table must not look better than the run was. */
function errors ({ comparisons }: WorkloadResult): readonly string[] {
  const found = comparisons.flatMap(({ measurements }) => measurements.flatMap(({ label, rounds }) =>
    rounds.flatMap(({ errors }) => errors.map(error => `${label}: ${error}`))))
  return found.length === 0 ? [] : [`**Rounds that do not count:** ${[...new Set(found)].join('; ')}.`]
}

function capital (text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}
