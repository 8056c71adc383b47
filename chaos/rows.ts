import type { Answer } from './client.js'
import type { Gateway } from './gateway.js'
import { timeTo, type GatewayReport } from './report.js'
import type { Pledge, Row } from './scenario.js'
import { tally, type Tally } from './tally.js'

/** What was done to one target. Times are milliseconds since 1970. */
export interface Fault {
  readonly target: string
  readonly since: number
  /** When it was over; absent when it never was. */
  readonly until?: number
}

export interface RowConfig {
  readonly scenario: string
  readonly gateway: Gateway
  readonly answers: readonly Answer[]
  /** Every POST could be repeated, and counts as idempotent. Default: false. */
  readonly keyed?: boolean
  readonly fault?: Fault
  /** For a gateway that can not be asked any more. */
  readonly report?: GatewayReport | undefined
  /** Nothing is promised for other gateways. */
  readonly pledges?: (tally: Tally, report: GatewayReport | undefined) => readonly Pledge[]
}

export async function rowOf ({ scenario, gateway, answers, keyed, fault, pledges, ...rest }: RowConfig): Promise<Row> {
  const report = 'report' in rest ? rest.report : await gateway.report()
  const counts = tally(answers, keyed)
  return {
    scenario,
    gateway: gateway.kind,
    ...counts,
    retried: report?.retried,
    ejectedAfter: fault && report && timeTo('down', fault.target, fault.since, report),
    returnedAfter: fault?.until !== undefined && report ? timeTo('up', fault.target, fault.until, report) : undefined,
    pledges: gateway.kind === 'fastify-balancer' ? pledges?.(counts, report) ?? [] : []
  }
}
