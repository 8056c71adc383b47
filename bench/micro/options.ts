import { parsed, UsageError } from '../../chaos/command-line.js'
import { pathToFileURL } from 'node:url'
import { CASES, SIZES, type Case } from './cases.js'

export interface MicroOptions {
  readonly help: boolean
  readonly list: boolean
  readonly docs: boolean
  readonly json: string | undefined
  readonly cases: readonly Case[]
  readonly sizes: readonly number[]
  readonly rounds: number
  readonly milliseconds: number
  /** URL of a directory of compiled files. */
  readonly build: string
}

export const HELP = `Usage: npm run bench:micro -- [options]

What a pick, a dispatch and its settling cost against pools of 2 to 10,000
targets, for every policy, without a connection: a table of nanoseconds.

  --only NAME[,NAME]   these cases (default: all)
  --list               show the cases
  --sizes N[,N]        numbers of targets (default: ${SIZES.join(',')})
  --rounds N           interleaved rounds (default: 7)
  --ms N               milliseconds of each round of each size (default: 8)
  --build DIRECTORY    measure another build (default: dist)
  --json FILE          write the figures there as well
  --docs               write the table into docs/performance.md
  --help               show this
`

const OPTIONS = {
  help: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  docs: { type: 'boolean', default: false },
  json: { type: 'string' },
  only: { type: 'string' },
  sizes: { type: 'string' },
  rounds: { type: 'string', default: '7' },
  ms: { type: 'string', default: '8' },
  build: { type: 'string' }
} as const

/** @throws UsageError */
export function readOptions (args: readonly string[]): MicroOptions {
  const { help, list, docs, json, only, sizes, rounds, ms, build } = parsed(args, OPTIONS)
  return {
    help,
    list,
    docs,
    json,
    cases: only === undefined ? CASES : only.split(',').map(readCase),
    sizes: sizes === undefined ? SIZES : sizes.split(',').map(size => readCount('--sizes', size)),
    rounds: readCount('--rounds', rounds),
    milliseconds: readCount('--ms', ms),
    build: build === undefined ? new URL('../../dist/', import.meta.url).href : `${pathToFileURL(build).href.replace(/\/$/, '')}/`
  }
}

function readCase (name: string): Case {
  const found = CASES.find(example => example.name === name)
  if (found === undefined) throw new UsageError(`--only: '${name}', must be one of ${CASES.map(({ name }) => name).join(', ')}`)
  return found
}

function readCount (option: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`${option}: '${text}', must be a whole number from 1 to 999999`)
  return Number(text)
}
