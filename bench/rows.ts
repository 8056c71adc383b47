/** Figures as text, the same on the terminal and in the document. */
import type { WorkloadResult } from './measurement.js'
import type { Ratio } from './statistics.js'
import { summarise, type Summary } from './summary.js'

export type Rows = ReadonlyArray<readonly string[]>

const NONE = '–'

/** The head first. Groups with the same reference are one table, in which it has one row. */
export function rowsOf ({ unit, comparisons }: WorkloadResult): Rows {
  const against = comparisons[0]?.reference ?? ''
  const head = ['', `CPU / ${against}`, 'lowest to highest', `µs CPU / ${unit}`, `${unit}s/s`, 'p50 ms', 'p99 ms', 'MiB', 'rounds']
  return [head, ...comparisons.flatMap((comparison, i) => summarise(comparison)
    .filter(({ label }) => i === 0 || label !== comparison.reference).map(cells))]
}

function cells ({ label, ratio, cpu, perSecond, p50, p99, memory, rounds, invalid }: Summary): string[] {
  return [
    label,
    ratio === undefined ? NONE : ratio.median.toFixed(2),
    range(ratio),
    figure(cpu),
    perSecond === undefined ? NONE : String(Math.round(perSecond)),
    figure(p50),
    figure(p99),
    memory === undefined ? NONE : String(Math.round(memory)),
    invalid === 0 ? String(rounds) : `${rounds}, ${invalid} INVALID`
  ]
}

export function range (ratio: Ratio | undefined): string {
  return ratio === undefined ? NONE : `${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}`
}

/** Three digits, since no more of them mean anything. */
function figure (value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return NONE
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

/** Rows as columns of equal width. */
export function aligned (rows: Rows): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  return rows.map(row => row.map((cell, column) => {
    const width = widths[column] ?? 0
    return column === 0 ? cell.padEnd(width) : cell.padStart(width)
  }).join('  ').trimEnd()).join('\n')
}

/** Rows as a table of Markdown. */
export function markdown (rows: Rows): string {
  const [head = [], ...rest] = rows
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, column) => column === 0 ? '---' : '---:')), ...rest.map(line)].join('\n')
}
