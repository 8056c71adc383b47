import { parsed, UsageError } from '../../chaos/command-line.js'

export const PARTS = ['targets', 'connections', 'routes'] as const
export type Part = typeof PARTS[number]

export interface IdleOptions {
  readonly help: boolean
  readonly parts: readonly Part[]
  readonly rounds: number
  readonly json: string | undefined
}

export const HELP = `Usage: npm run bench:idle -- [options]

What targets, connections and routes cost that nothing is asked of: the figures,
and whether what is promised holds. Exit code 1 when something does not.

  --only NAME[,NAME]   ${PARTS.join(', ')} (default: all)
  --rounds N           interleaved rounds (default: 5 for targets, 15 for routes)
  --json FILE          write the figures there as well
  --help               show this
`

const OPTIONS = {
  help: { type: 'boolean', default: false },
  only: { type: 'string' },
  rounds: { type: 'string', default: '0' },
  json: { type: 'string' }
} as const

/** @throws UsageError */
export function readOptions (args: readonly string[]): IdleOptions {
  const { help, only, rounds, json } = parsed(args, OPTIONS)
  if (!/^\d{1,4}$/.test(rounds)) throw new UsageError(`--rounds: '${rounds}', must be a whole number up to 9999`)
  return { help, parts: only === undefined ? PARTS : only.split(',').map(readPart), rounds: Number(rounds), json }
}

function readPart (name: string): Part {
  const found = PARTS.find(part => part === name)
  if (found === undefined) throw new UsageError(`--only: '${name}', must be one of ${PARTS.join(', ')}`)
  return found
}
