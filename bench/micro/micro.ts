/** `npm run bench:micro`: what balancing itself costs, by the number of targets. */
import { writeFile } from 'node:fs/promises'
import { UsageError } from '../../chaos/command-line.js'
import { CASES } from './cases.js'
import { writeDocs } from './docs.js'
import { HELP, readOptions, type MicroOptions } from './options.js'
import { run, type Row } from './run.js'
import { LEGEND, markdown, table } from './table.js'

const { stdout, stderr } = process

async function main (): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) stdout.write(HELP)
  else if (options.list) stdout.write(CASES.map(({ name, about }) => `${name.padEnd(24)}${about}\n`).join(''))
  else await measureAll(options)
}

async function measureAll ({ json, docs, ...options }: MicroOptions): Promise<void> {
  const rows: Row[] = []
  for await (const some of run(options)) {
    stderr.write(`${some[0]?.name}\n`)
    rows.push(...some)
  }
  stdout.write(`${table(rows)}\n${LEGEND}`)
  const { version, arch, platform } = process
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ node: version, arch, platform, rows }, undefined, 2)}\n`)
  if (docs) await writeDocs(`\n${markdown(rows)}\n`)
}

main().catch((error: Error) => {
  stderr.write(`bench:micro: ${error.message}\n`)
  if (error instanceof UsageError) stderr.write('--help shows what is possible.\n')
  process.exitCode = error instanceof UsageError ? 2 : 1
})
