/** A process for one case: what has been measured before in the same one would have taught the compiler otherwise. */
import { load, type Build } from './build.js'
import { CASES, type Case } from './cases.js'
import { dispatching } from './dispatching.js'
import { picking } from './picking.js'
import { count, measure, type Measured, type RoundOptions } from './rounds.js'

export interface Order extends RoundOptions {
  readonly build: string
  readonly name: string
  readonly what: What
  /** Whether bytes are counted, and no times. */
  readonly counts: boolean
  readonly sizes: readonly number[]
}

/** Picks of an idle pool, picks that are counted among busy targets, and whole requests in two parts. */
const SUBJECTS = {
  idle: (build: Build, example: Case, size: number) => picking(build, example, size, false),
  spread: (build: Build, example: Case, size: number) => picking(build, example, size, true),
  request: dispatching
} as const

export type What = keyof typeof SUBJECTS
export const WHATS = Object.keys(SUBJECTS) as readonly What[]

/** One of each size. */
export type Report = readonly Measured[]

async function main (order: Order): Promise<Report> {
  const build = await load(order.build)
  const example = CASES.find(({ name }) => name === order.name)
  if (example === undefined) throw new Error(`there is no case '${order.name}'`)
  const subjects = order.sizes.map(size => SUBJECTS[order.what](build, example, size))
  return order.counts ? count(subjects, order).map(bytes => [bytes]) : measure(subjects, order)
}

const [, , order] = process.argv
if (order !== undefined && process.send !== undefined) {
  const report = await main(JSON.parse(order) as Order)
  process.send(report, () => { process.exit() })
}
