/** `npm run chaos`: plays the scenarios one after the other and prints what became of the promises. */
import { configurations, type OtherKind } from './configurations.js'
import { endOnSignals } from './ending.js'
import { UsageError } from './command-line.js'
import { HELP, readOptions, type ChaosOptions } from './options.js'
import { isInstalled } from './others.js'
import { failedRow, play } from './runner.js'
import type { Row } from './scenario.js'
import { SCENARIOS } from './scenarios/index.js'
import { failures, isKept, table } from './table.js'
import { warmClient } from './warm-client.js'

const { stdout, stderr } = process

/** Requests that the client begins with. */
const CLIENT_WARM_UP = 1000

async function main (): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) stdout.write(HELP)
  else if (options.list) stdout.write(SCENARIOS.map(({ name, about }) => `${name.padEnd(18)}${about}\n`).join(''))
  else await run(options)
}

async function run (options: ChaosOptions): Promise<void> {
  endOnSignals()
  const others = options.against ?? await installed()
  const rows: Row[] = []
  // Whatever ends it: what has been found by then is worth seeing.
  process.once('exit', () => { stdout.write(`${table(rows)}\n`) })
  await warmClient(CLIENT_WARM_UP)
  for (const scenario of options.scenarios) {
    for (const kind of ['fastify-balancer', ...scenario.compared ? others : []] as const) {
      for (let time = 1; time <= options.times; time++) {
        stderr.write(`${scenario.name}, ${kind}${options.times === 1 ? '' : `, ${time} of ${options.times}`}\n`)
        rows.push(...await play(scenario, { kind, short: options.short }).catch((error: Error) => [failedRow(scenario, kind, error)]))
      }
    }
  }
  stderr.write(failures(rows))
  if (!rows.every(isKept)) process.exitCode = 1
}

async function installed (): Promise<readonly OtherKind[]> {
  const kinds = Object.keys(configurations) as OtherKind[]
  const are = await Promise.all(kinds.map(isInstalled))
  return kinds.filter((_, i) => are[i])
}

main().catch((error: Error) => {
  stderr.write(`chaos: ${error.message}\n`)
  if (error instanceof UsageError) stderr.write('--help shows what is possible.\n')
  process.exitCode = error instanceof UsageError ? 2 : 1
})
