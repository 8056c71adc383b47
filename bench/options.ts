import { parsed, UsageError } from '../chaos/command-line.js'
import { LOADS, type LoadName } from './load/index.js'
import { UPSTREAMS, type UpstreamName } from './upstream/upstream.js'

export interface BenchOptions {
  readonly help: boolean
  readonly list: boolean
  readonly workloads: readonly string[]
  readonly candidates: readonly string[]
  readonly rounds: number
  /** Of each round. */
  readonly seconds: number
  /** Of processor time before the first round. */
  readonly warmUp: number
  /** undefined: the best that is installed. */
  readonly load: LoadName | undefined
  readonly upstream: UpstreamName | undefined
  /** A file for all figures. */
  readonly json: string | undefined
  readonly docs: boolean
}

/** What there is to choose from. */
export interface Choice {
  readonly workloads: readonly string[]
  readonly candidates: readonly string[]
}

export const HELP = `Usage: npm run bench -- [options]

Gateways side by side on this machine, each in a process of its own, in short
rounds that take turns.

  --only NAME[,NAME]        these workloads (default: all)
  --candidates NAME[,NAME]  these gateways (default: those installed)
  --rounds N                rounds of each gateway (default: 5)
  --seconds S               length of a round (default: 2; wrk takes whole ones)
  --warm-up S               processor time before the first round (default: 5)
  --load NAME               ${LOADS.join(' or ')} (default: wrk when installed)
  --upstream NAME           ${UPSTREAMS.join(' or ')} (default: nginx when installed)
  --list                    show workloads and gateways
  --json FILE               write all figures to it
  --docs                    write docs/benchmarks.json, the charts and the
                            tables of docs/benchmarks.md
  --help                    show this

Processor time is that of the gateway's process with all its threads and
children. Ratios are of rounds of the same turn: median (lowest to highest).
Exit code 1 when a round had errors.
`

const OPTIONS = {
  help: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  docs: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true },
  candidates: { type: 'string', multiple: true },
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '2' },
  'warm-up': { type: 'string', default: '5' },
  load: { type: 'string' },
  upstream: { type: 'string' },
  json: { type: 'string' }
} as const

/** @throws UsageError */
export function readOptions (args: readonly string[], { workloads, candidates }: Choice): BenchOptions {
  const values = parse(args)
  return {
    help: values.help,
    list: values.list,
    docs: values.docs,
    json: values.json,
    workloads: readNames('--only', values.only, workloads),
    candidates: readNames('--candidates', values.candidates, candidates),
    rounds: readRounds(values.rounds),
    seconds: readSeconds('--seconds', values.seconds, 0.1),
    warmUp: readSeconds('--warm-up', values['warm-up'], 0),
    load: values.load === undefined ? undefined : readName('--load', values.load, LOADS),
    upstream: values.upstream === undefined ? undefined : readName('--upstream', values.upstream, UPSTREAMS)
  }
}

function parse (args: readonly string[]) {
  try {
    return parsed(args, OPTIONS)
  } catch (error) {
    // The first sentence tells what is wrong; the others are about positional arguments, which there are none of.
    const [wrong] = (error as Error).message.split('. ')
    throw new UsageError(`${wrong}; there are ${Object.keys(OPTIONS).map(name => `--${name}`).join(', ')}`)
  }
}

function readName<Name extends string> (option: string, name: string, names: readonly Name[]): Name {
  const known = names.find(known => known === name)
  if (known === undefined) throw new UsageError(`${option}: '${name}', must be one of ${names.join(', ')}`)
  return known
}

/** In the order of `known`, each once. */
function readNames (option: string, lists: readonly string[] | undefined, known: readonly string[]): readonly string[] {
  if (lists === undefined) return known
  const names = lists.flatMap(list => list.split(',')).map(name => readName(option, name, known))
  return known.filter(name => names.includes(name))
}

function readRounds (text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new UsageError(`--rounds: '${text}', must be a whole number from 1 to 999`)
  return Number(text)
}

function readSeconds (option: string, text: string, least: number): number {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN
  if (!(seconds >= least && seconds <= 600)) throw new UsageError(`${option}: '${text}', must be a number of seconds from ${least} to 600`)
  return seconds
}
