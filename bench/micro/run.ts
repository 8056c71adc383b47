import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { WHATS, type Order, type Report, type What } from './child.js'
import type { Case } from './cases.js'
import type { RoundOptions } from './rounds.js'
import { median, ratios } from '../statistics.js'

/** What one size of one case costs: medians of all rounds. */
export interface Row {
  readonly name: string
  readonly targets: number
  /** Nanoseconds of a pick in an idle pool. */
  readonly idle: number
  /** The same by that with the fewest targets. */
  readonly idleRatio: number
  /** Bytes that such a pick leaves behind. */
  readonly bytes: number
  /** Nanoseconds of a pick among busy targets that is counted as in flight, and of the end of an older one. */
  readonly spread: number
  readonly spreadRatio: number
  /** Nanoseconds from a request to the target's connection. */
  readonly dispatch: number
  readonly dispatchRatio: number
  /** Nanoseconds from the head of the answer to its end. */
  readonly settle: number
  readonly settleRatio: number
  /** Bytes that a whole request leaves behind. */
  readonly requestBytes: number
}

export interface RunOptions extends RoundOptions {
  readonly build: string
  readonly cases: readonly Case[]
  readonly sizes: readonly number[]
}

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url))

/** So large a young generation that nothing is collected while bytes are counted, in MB. */
const YOUNG = 128

export async function * run ({ cases, ...options }: RunOptions): AsyncGenerator<readonly Row[]> {
  for (const { name } of cases) {
    const times = new Map<What, Report>()
    for (const what of WHATS) times.set(what, await inChild({ ...options, name, what, counts: false }))
    const bytes = new Map<What, Report>()
    for (const what of ['idle', 'request'] as const) bytes.set(what, await inChild({ ...options, name, what, counts: true }))
    yield rowsOf(name, options.sizes, times, bytes)
  }
}

function rowsOf (name: string, sizes: readonly number[], times: ReadonlyMap<What, Report>, counts: ReadonlyMap<What, Report>): readonly Row[] {
  return sizes.map((targets, i) => {
    const ns = (what: What, part = 0, size = i): readonly number[] => times.get(what)?.[size]?.[part] ?? []
    const ratio = (what: What, part = 0): number => median(ratios(ns(what, part), ns(what, part, 0)))
    const bytes = (what: What): number => Math.max(0, Math.round(median(counts.get(what)?.[i]?.[0] ?? [])))
    return {
      name,
      targets,
      idle: median(ns('idle')),
      idleRatio: ratio('idle'),
      bytes: bytes('idle'),
      spread: median(ns('spread')),
      spreadRatio: ratio('spread'),
      dispatch: median(ns('request')),
      dispatchRatio: ratio('request'),
      settle: median(ns('request', 1)),
      settleRatio: ratio('request', 1),
      requestBytes: bytes('request')
    }
  })
}

async function inChild (order: Order): Promise<Report> {
  const child = fork(CHILD, [JSON.stringify(order)], {
    execArgv: ['--import=tsx', ...order.counts ? ['--expose-gc', `--max-semi-space-size=${YOUNG}`, `--min-semi-space-size=${YOUNG}`] : []], stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  return await new Promise((resolve, reject) => {
    let report: Report | undefined
    child.once('message', message => { report = message as Report })
    child.once('error', reject)
    child.once('exit', code => {
      if (report === undefined) reject(new Error(`${order.name}: the process ended with ${code}`))
      else resolve(report)
    })
  })
}
