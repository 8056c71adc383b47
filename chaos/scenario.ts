/** What a scenario is, and what comes of it. */
import type { GatewayKind } from './gateway.js'
import type { Stage } from './stage.js'

export interface Pledge {
  readonly text: string
  readonly kept: boolean
  /** What was found, for one that is broken. */
  readonly found: string
  /** Times depend on what else the machine does; counts do not. */
  readonly about: 'counts' | 'times'
}

/** One line of the table. Times are in milliseconds; what does not apply is absent. */
export interface Row {
  readonly scenario: string
  readonly gateway: GatewayKind
  readonly sent: number
  readonly failedIdempotent: number
  readonly failedPosts: number
  readonly retried?: number | undefined
  readonly p50?: number | undefined
  readonly p99?: number | undefined
  readonly ejectedAfter?: number | undefined
  readonly returnedAfter?: number | undefined
  /** How many failed in which way. */
  readonly failures: Readonly<Record<string, number>>
  readonly pledges: readonly Pledge[]
}

export interface Scenario {
  readonly name: string
  /** For --list. */
  readonly about: string
  /** Whether it says something about other gateways too. */
  readonly compared: boolean
  readonly run: (stage: Stage) => Promise<readonly Row[]>
}

export function counted (text: string, found: number, kept: boolean): Pledge {
  return { text, kept, found: String(found), about: 'counts' }
}

export function timed (text: string, found: number | undefined, most: number): Pledge {
  return { text, kept: found !== undefined && found <= most, found: found === undefined ? 'never' : `${Math.round(found)} ms`, about: 'times' }
}
