/** The results as lines of text. */
import type { Pledge, Row } from './scenario.js'

const HEAD = ['scenario', 'gateway', 'sent', 'failed', 'POST', 'retried', 'p50', 'p99', 'ejected', 'back', 'promise', '']

/** Columns of text begin at the left, columns of figures end at the right. */
const TEXTS = new Set([0, 1, 10, 11])

/** One line of the table for each row, and one more for every further promise of it. */
export function table (rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.flatMap(cells)]
  const widths = HEAD.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  return lines.map(line => line.map((cell, column) => {
    const width = widths[column] ?? 0
    return TEXTS.has(column) ? cell.padEnd(width) : cell.padStart(width)
  }).join('  ').trimEnd()).join('\n')
}

/** What the failed requests of rows with broken promises got, one line each. */
export function failures (rows: readonly Row[]): string {
  return rows.filter(row => !isKept(row)).flatMap(({ scenario, gateway, failures }) =>
    Object.entries(failures).map(([failure, count]) => `${scenario}, ${gateway}: ${count} × ${failure}\n`)).join('')
}

export function isKept (row: Row): boolean {
  return row.pledges.every(({ kept }) => kept)
}

function cells (row: Row): string[][] {
  const [first, ...further] = row.pledges
  return [
    [
      row.scenario,
      row.gateway,
      figure(row.sent),
      figure(row.failedIdempotent),
      figure(row.failedPosts),
      figure(row.retried),
      milliseconds(row.p50),
      milliseconds(row.p99),
      milliseconds(row.ejectedAfter),
      milliseconds(row.returnedAfter),
      ...promise(first)
    ],
    ...further.map(pledge => [...Array.from({ length: 10 }, () => ''), ...promise(pledge)])
  ]
}

function promise (pledge: Pledge | undefined): [string, string] {
  if (pledge === undefined) return ['', '']
  return [pledge.text, pledge.kept ? 'kept' : `BROKEN: ${pledge.found}`]
}

function figure (count: number | undefined): string {
  return count === undefined ? '–' : String(count)
}

function milliseconds (ms: number | undefined): string {
  return ms === undefined ? '–' : `${Math.round(ms)} ms`
}
