import { parsed, UsageError } from './command-line.js'
import { configurations, type OtherKind } from './configurations.js'
import { SCENARIOS } from './scenarios/index.js'
import type { Scenario } from './scenario.js'

export interface ChaosOptions {
  readonly help: boolean
  readonly list: boolean
  readonly short: boolean
  readonly times: number
  readonly scenarios: readonly Scenario[]
  /** undefined: those that are installed. */
  readonly against: readonly OtherKind[] | undefined
}

export const HELP = `Usage: npm run chaos -- [options]

A gateway, its upstreams and its clients on this machine; then something breaks.
Every line of the table is one scenario. Exit code 1 when a promise is broken.

  --only NAME[,NAME]   these scenarios (default: all)
  --list               show the scenarios
  --times N            run each so many times (default: 1)
  --short              shorter runs
  --against NAME,...   the same for nginx, haproxy and caddy, where that makes
                       sense; 'none' for none (default: those installed)
  --help               show this

Times in the table count from when a request was due. failed: requests that
may be repeated. ejected, back: until the gateway knows.
`

const OPTIONS = {
  help: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  short: { type: 'boolean', default: false },
  times: { type: 'string', default: '1' },
  only: { type: 'string', multiple: true },
  against: { type: 'string' }
} as const

/** @throws UsageError */
export function readOptions (args: readonly string[]): ChaosOptions {
  const { help, list, short, times, only, against } = parsed(args, OPTIONS)
  return { help, list, short, times: readCount('--times', times), scenarios: readScenarios(only), against: readKinds(against) }
}

/** @throws UsageError */
export function readCount (option: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`${option}: '${text}', must be a whole number from 1 to 999999999`)
  return Number(text)
}

function readScenarios (only: readonly string[] | undefined): readonly Scenario[] {
  if (only === undefined) return SCENARIOS
  return only.flatMap(names => names.split(',')).map(name => {
    const scenario = SCENARIOS.find(scenario => scenario.name === name)
    if (scenario === undefined) throw new UsageError(`--only: '${name}', must be one of ${SCENARIOS.map(({ name }) => name).join(', ')}`)
    return scenario
  })
}

function readKinds (against: string | undefined): readonly OtherKind[] | undefined {
  if (against === undefined) return undefined
  if (against === 'none') return []
  return against.split(',').map(name => {
    if (!Object.hasOwn(configurations, name)) throw new UsageError(`--against: '${name}', must be one of ${Object.keys(configurations).join(', ')}, or none`)
    return name as OtherKind
  })
}
