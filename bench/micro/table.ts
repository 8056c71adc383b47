/** The results as lines of text, for a terminal and for a page. */
import type { Row } from './run.js'

const HEAD = ['case', 'targets', 'pick', '×', 'B', 'busy', '×', 'dispatch', '×', 'settle', '×', 'B']

export const LEGEND = `Nanoseconds, medians of interleaved rounds; × is the same by that with the fewest targets, B is bytes allocated.
pick: in an idle pool. busy: a pick among busy targets that is counted, and the end of an older one.
dispatch: from a request to its target's connection. settle: from the head of the answer to its end.
`

export function table (rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)]
  const widths = HEAD.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  return lines.map(line => line.map((cell, column) => {
    const width = widths[column] ?? 0
    return column === 0 ? cell.padEnd(width) : cell.padStart(width)
  }).join('  ')).join('\n') + '\n'
}

export function markdown (rows: readonly Row[]): string {
  const lines = [HEAD, HEAD.map((_, column) => column === 0 ? '---' : '---:'), ...rows.map(cells)]
  return lines.map(line => `| ${line.join(' | ')} |`).join('\n') + '\n'
}

function cells (row: Row): string[] {
  return [
    row.name,
    String(row.targets),
    row.idle.toFixed(0), row.idleRatio.toFixed(2), String(row.bytes),
    row.spread.toFixed(0), row.spreadRatio.toFixed(2),
    row.dispatch.toFixed(0), row.dispatchRatio.toFixed(2),
    row.settle.toFixed(0), row.settleRatio.toFixed(2), String(row.requestBytes)
  ]
}
