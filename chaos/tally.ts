/** What is counted of answers. */
import { succeeded, type Answer } from './client.js'

export interface Tally {
  readonly sent: number
  readonly failedIdempotent: number
  readonly failedPosts: number
  readonly p50: number | undefined
  readonly p99: number | undefined
  /** How many failed in which way: `504 FST_BALANCER_HEADERS_TIMEOUT`, or the client's error. */
  readonly failures: Readonly<Record<string, number>>
}

/** Requests that were withheld were never sent. Times are those of all answers, failures included. */
export function tally (answers: readonly Answer[], keyed = false): Tally {
  const sent = answers.filter(({ withheld }) => !withheld)
  const failed = sent.filter(answer => !succeeded(answer))
  const times = sent.map(({ ms }) => ms)
  const isPost = ({ method }: Answer): boolean => method === 'POST' && !keyed
  return {
    sent: sent.length,
    failedIdempotent: failed.filter(answer => !isPost(answer)).length,
    failedPosts: failed.filter(isPost).length,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    failures: histogram(failed.map(({ status, code, error }) => [status, code, error].filter(part => part !== undefined).join(' ')))
  }
}

/** The smallest value that `share` of all do not exceed; undefined when there are none. */
export function percentile (values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}

function histogram (names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
