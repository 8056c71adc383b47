import { parseArgs } from 'node:util'
import { MOST_WORKERS } from './schema.js'

/** What somebody wants of the program. */
export type Command =
  | { readonly name: 'start', readonly file: string, readonly workers: number | 'auto' | undefined, readonly watch: boolean }
  | { readonly name: 'check', readonly file: string }
  | { readonly name: 'print-defaults' | 'schema' | 'help' | 'version' }

/** A command line that says nothing that could be done. */
export class UsageError extends Error {}

export const HELP = `fastify-balancer: a load-balancing gateway without code

Usage:
  fastify-balancer start <file> [options]   serve what a document says, until SIGTERM or SIGINT
  fastify-balancer check <file>             say everything that is wrong with a document
  fastify-balancer print-defaults           a whole document with every default
  fastify-balancer schema                   the JSON Schema of documents, for editors
  fastify-balancer --help | --version

Options of start:
  --workers <n>   processes that serve, 1 to 256, or auto: as many as there are cores; in place of workers in the document
  --no-watch      read the document anew on SIGHUP only, and not when it has changed

The document is YAML or JSON. Exit codes: 0 all is well, 1 the document or the gateway is not, 2 the command line is not.
`

const COMMANDS = ['start', 'check', 'print-defaults', 'schema']

/** @throws UsageError that says what is right */
export function commandLine (args: readonly string[]): Command {
  const { values, positionals } = parsed(args)
  if (values.help === true) return { name: 'help' }
  if (values.version === true) return { name: 'version' }
  const [name, file, ...more] = positionals
  if (name === undefined) throw new UsageError(`no command, must be one of ${COMMANDS.join(', ')}`)
  if (!COMMANDS.includes(name)) throw new UsageError(`'${name}' is not a command, must be one of ${COMMANDS.join(', ')}`)
  const takesFile = name === 'start' || name === 'check'
  if (takesFile && file === undefined) throw new UsageError(`no file, must be: fastify-balancer ${name} gateway.yaml`)
  const left = takesFile ? more : positionals.slice(1)
  if (left.length > 0) throw new UsageError(`'${left.join(' ')}' is one word too many, must be: fastify-balancer ${name}${takesFile ? ` ${String(file)}` : ''}`)
  const { workers, watch } = values
  if (name !== 'start') {
    const useless = workers !== undefined ? '--workers' : watch !== undefined ? '--watch' : undefined
    if (useless !== undefined) throw new UsageError(`${useless} is an option of start, must be left out`)
    return takesFile ? { name: 'check', file: String(file) } : { name: name as 'print-defaults' | 'schema' }
  }
  const wrong = workers !== undefined && workers !== 'auto' && (!/^[1-9]\d*$/.test(workers) || Number(workers) > MOST_WORKERS)
  if (wrong) throw new UsageError(`--workers: '${workers}', must be an integer from 1 to ${MOST_WORKERS}, or auto`)
  return { name: 'start', file: String(file), workers: workers === undefined || workers === 'auto' ? workers : Number(workers), watch: watch ?? true }
}

function parsed (args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
        workers: { type: 'string', short: 'w' },
        watch: { type: 'boolean' }
      },
      allowNegative: true,
      allowPositionals: true
    })
  } catch (error) {
    const [message = ''] = (error as Error).message.split('. ')
    throw new UsageError(`${message}, options are --workers, --watch, --no-watch, --help and --version`)
  }
}
