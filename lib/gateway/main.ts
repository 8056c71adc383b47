import { commandLine, HELP, UsageError, type Command } from './command-line.js'
import { defaultsText } from './defaults.js'
import { EXTENSIONS } from './extensions.js'
import { gatewaySchema } from './json-schema.js'
import { load } from './load.js'
import { problemText } from './problems.js'
import { start } from './start.js'
import { VERSION } from './version.js'

/** The part of a process that the program uses. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: { write (text: string): unknown }
  readonly stderr: { write (text: string): unknown }
}

/** @returns the exit code, which for `start` is that of a process that goes on */
export async function main (args: readonly string[], { env, stdout, stderr }: Surroundings): Promise<number> {
  const complain = (lines: readonly string[], code: number): number => {
    stderr.write(lines.map(line => `${line}\n`).join(''))
    return code
  }
  let command: Command
  try {
    command = commandLine(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return complain([`fastify-balancer: ${error.message}`, 'See fastify-balancer --help'], 2)
  }
  switch (command.name) {
    case 'help':
      stdout.write(HELP)
      return 0
    case 'version':
      stdout.write(`${VERSION}\n`)
      return 0
    case 'print-defaults':
      stdout.write(defaultsText(EXTENSIONS))
      return 0
    case 'schema':
      stdout.write(`${JSON.stringify(gatewaySchema(EXTENSIONS), null, 2)}\n`)
      return 0
    case 'check': {
      const { file } = command
      const { checked } = await load(file, { env, extensions: EXTENSIONS })
      if (checked.problems !== undefined) return complain(checked.problems.map(problem => problemText(problem, file)), 1)
      const { pools, routes } = checked.value
      stdout.write(`${file}: OK, ${routes.length} route${routes.length === 1 ? '' : 's'} to ${Object.keys(pools).length} pool${Object.keys(pools).length === 1 ? '' : 's'}\n`)
      return 0
    }
    case 'start': {
      const lines = await start({ ...command, env, extensions: EXTENSIONS })
      return complain(lines, lines.length === 0 ? 0 : 1)
    }
  }
}
