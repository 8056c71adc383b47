import { parseArgs } from 'node:util'

export interface DemoOptions {
  readonly help: boolean
  /** Port of the gateway; 0 lets the system choose. */
  readonly port: number
  /** Milliseconds to run without a view; undefined runs with one until it is stopped. */
  readonly for: number | undefined
  /** Milliseconds from one outage to the next. */
  readonly outageEvery: number
}

export const HELP = `Usage: npm run demo -- [options]

A gateway in front of five upstreams, each a process of its own. One is slow,
one has three times the weight, and one dies and comes back every few seconds.

  --port N             port of the gateway (default: any that is free)
  --for TIME           run that long without a view, then print a summary as
                       JSON; exit code 0 if no request failed, 1 otherwise
  --outage-every TIME  time between outages, 500ms or more (default: 4s)
  --help               show this

TIME is a number with a unit: 500ms, 10s, 2m.
Colours follow NO_COLOR.
`

/** What the user typed can not be meant; the message says what can. */
export class UsageError extends Error {}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }
const LONGEST = 24 * 60 * 60_000

/** @throws UsageError */
export function readOptions (args: readonly string[]): DemoOptions {
  const { port, help, for: runFor, 'outage-every': outageEvery } = parse(args)
  return {
    help,
    port: readPort(port),
    for: runFor === undefined ? undefined : readTime('--for', runFor, 1),
    outageEvery: readTime('--outage-every', outageEvery, 500)
  }
}

function parse (args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string', default: '0' },
        for: { type: 'string' },
        'outage-every': { type: 'string', default: '4s' },
        help: { type: 'boolean', default: false }
      }
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function readPort (text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65535) throw new UsageError(`--port: '${text}', must be a whole number from 0 to 65535`)
  return port
}

function readTime (name: string, text: string, least: number): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
  const ms = Number(number) * (UNITS[unit] ?? NaN)
  if (!(ms >= least && ms <= LONGEST)) {
    throw new UsageError(`${name}: '${text}', must be a time from ${least}ms to 1440m, such as 500ms, 10s or 2m`)
  }
  return ms
}
