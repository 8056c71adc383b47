/** The results as lines of text, for a terminal and for a page. */
import { CASES } from './cases.js'
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

/** Nanoseconds that a pick may take among this many targets. */
const MOST = 2000
const AMONG = 1000

/** A row for each case: what a pick costs by that with the fewest targets. Times are of one machine, and say here only which side of 2 µs they are on. */
export function markdown (rows: readonly Row[]): string {
  const sizes = [...new Set(rows.map(({ targets }) => targets))].sort((a, b) => a - b)
  const names = [...new Set(rows.map(({ name }) => name))]
  const head = ['', ...sizes.slice(1).map(size => `${size.toLocaleString('en')} targets`), 'bytes per pick', `under 2 µs among ${AMONG.toLocaleString('en')}`]
  const lines = [head, head.map((_, column) => column === 0 ? '---' : '---:'), ...names.map(name => {
    const own = rows.filter(row => row.name === name)
    const among = own.find(({ targets }) => targets === AMONG)
    return [
      `\`${name}\`: ${CASES.find(one => one.name === name)?.about ?? ''}`,
      ...sizes.slice(1).map(size => twoDigits(own.find(({ targets }) => targets === size)?.idleRatio)),
      String(own.at(-1)?.bytes ?? '–'),
      among === undefined ? '–' : verdict(Math.max(among.idle, among.spread))
    ]
  })]
  return lines.map(line => `| ${line.join(' | ')} |`).join('\n') + '\n'
}

function verdict (nanoseconds: number): string {
  return nanoseconds < MOST ? 'yes' : `no: ${(nanoseconds / 1000).toFixed(1)} µs`
}

function twoDigits (ratio: number | undefined): string {
  return ratio === undefined ? '–' : ratio.toFixed(ratio < 10 ? 1 : 0)
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
