/** `npm run bench:idle`: what is there and does nothing. */
import { writeFile } from 'node:fs/promises'
import { UsageError } from '../../chaos/command-line.js'
import { idleConnections } from './connections.js'
import { holds, table, type Finding } from './finding.js'
import { HELP, readOptions, type IdleOptions, type Part } from './options.js'
import { manyRoutes } from './routes.js'
import { idleTargets } from './targets.js'

const { stdout, stderr } = process

const index = new URL('../../dist/index.js', import.meta.url).href

/** `rounds` is 0 for as many as it takes. */
const BY_PART: Readonly<Record<Part, (rounds: number) => Promise<readonly Finding[]>>> = {
  targets: async rounds => await idleTargets({ index, targets: 1000, interval: 5000, rounds: rounds || 5 }),
  connections: async () => await idleConnections({ index, connections: 2000 }),
  routes: async rounds => await manyRoutes({ index, routes: 100, rounds: rounds || 15, requests: 3000 })
}

async function main (): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) stdout.write(HELP)
  else await measureAll(options)
}

async function measureAll ({ parts, rounds, json }: IdleOptions): Promise<void> {
  const findings: Finding[] = []
  for (const part of parts) {
    const some = await BY_PART[part](rounds)
    stdout.write(table(some))
    findings.push(...some)
  }
  if (json !== undefined) await writeFile(json, `${JSON.stringify(findings.map(finding => ({ ...finding, holds: holds(finding) })), undefined, 2)}\n`)
  if (!findings.every(holds)) process.exitCode = 1
}

main().catch((error: Error) => {
  stderr.write(`bench:idle: ${error.message}\n`)
  if (error instanceof UsageError) stderr.write('--help shows what is possible.\n')
  process.exitCode = error instanceof UsageError ? 2 : 1
})
