/** What the rounds come to. */
import { median, ratio, type Ratio } from './statistics.js'
import type { Comparison, Measurement, Round } from './measurement.js'

export interface Summary {
  readonly label: string
  readonly candidate: string
  /** Medians of the rounds without errors; undefined when there is none, or the system does not tell. */
  readonly perSecond: number | undefined
  readonly cpu: number | undefined
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly memory: number | undefined
  /** Of its processor time to that of the reference in the same turn. */
  readonly ratio: Ratio | undefined
  readonly rounds: number
  readonly invalid: number
  /** Of all rounds, each once. */
  readonly errors: readonly string[]
}

export function summarise ({ reference, measurements }: Comparison): readonly Summary[] {
  const other = measurements.find(({ label }) => label === reference)
  return measurements.map(measurement => summariseOne(measurement, other))
}

function summariseOne ({ label, candidate, rounds }: Measurement, reference: Measurement | undefined): Summary {
  const valid = rounds.filter(isValid)
  const of = (figure: (round: Round) => number | undefined): number | undefined => {
    const values = valid.map(figure).filter(value => value !== undefined)
    return values.length === 0 ? undefined : median(values)
  }
  return {
    label,
    candidate,
    perSecond: of(({ perSecond }) => perSecond),
    cpu: of(({ cpu }) => cpu),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    memory: of(({ memory }) => memory),
    ratio: ratio(cpuOf(rounds), cpuOf(reference?.rounds ?? [])),
    rounds: rounds.length,
    invalid: rounds.length - valid.length,
    errors: [...new Set(rounds.flatMap(({ errors }) => errors))]
  }
}

function cpuOf (rounds: readonly Round[]): ReadonlyArray<number | undefined> {
  return rounds.map(round => isValid(round) ? round.cpu : undefined)
}

function isValid ({ errors }: Round): boolean {
  return errors.length === 0
}
