/** `npm run bench`. What it finds goes to stdout, what is going on to stderr. */
import { writeFile } from 'node:fs/promises'
import { stderr, stdout } from 'node:process'
import { endOnSignals } from '../chaos/ending.js'
import { candidateFiles, loadCandidates, type Candidates } from './candidates.js'
import { writeDocument } from './document/document.js'
import { findLoad } from './load/index.js'
import { commit, machine, versions } from './machine.js'
import type { WorkloadResult } from './measurement.js'
import { UsageError } from '../chaos/command-line.js'
import { HELP, readOptions, type BenchOptions } from './options.js'
import { findPins } from './pins.js'
import type { Result } from './result.js'
import { aligned, rowsOf } from './rows.js'
import { runWorkload } from './runner.js'
import { temporaryDirectory } from './server.js'
import { loadWorkloads, type Workloads } from './workloads.js'

async function main (): Promise<void> {
  const [workloads, files] = await Promise.all([loadWorkloads(), candidateFiles()])
  const options = readOptions(process.argv.slice(2), { workloads: [...workloads.keys()], candidates: files.map(({ name }) => name) })
  if (options.help) stdout.write(HELP)
  else if (options.list) await list(workloads, options)
  else await run(workloads, options)
}

async function list (workloads: Workloads, options: BenchOptions): Promise<void> {
  const line = (name: string, about: string): string => `  ${name.padEnd(24)}${about}\n`
  const candidates = await loadCandidates(options.candidates)
  stdout.write('Workloads\n')
  for (const name of options.workloads) stdout.write(line(name, workloads.get(name)?.about ?? ''))
  stdout.write('Candidates\n')
  for (const name of options.candidates) stdout.write(line(name, candidates.get(name)?.about ?? 'not installed'))
}

async function run (workloads: Workloads, options: BenchOptions): Promise<void> {
  endOnSignals()
  const pins = await findPins()
  const candidates = await loadCandidates(options.candidates)
  const load = await findLoad(options.load, { prefix: pins.others, directory: await temporaryDirectory() })
  if (load.name.startsWith('wrk') && !Number.isInteger(options.seconds)) throw new UsageError(`--seconds: ${options.seconds}, wrk takes whole ones; with --load autocannon any will do`)
  for (const name of options.candidates) if (!candidates.has(name)) stderr.write(`${name} is left out: it is not installed\n`)
  stderr.write(`${load.name}; ${pins.words}\n`)

  const bench = { ...options, candidates, load, pins, say }
  const results: WorkloadResult[] = []
  for (const name of options.workloads) {
    const workload = workloads.get(name)
    const result = workload === undefined ? undefined : await runWorkload(name, workload, bench)
    if (result === undefined) {
      stderr.write(`${name} is left out: no candidate can do it\n`)
      continue
    }
    results.push(result)
    stdout.write(`\n${result.name}: ${result.about}; ${result.connections} connections, upstream ${result.upstream}\n${aligned(rowsOf(result))}\n`)
  }
  await report(await wholeResult(results, candidates, pins.words), options)
}

async function wholeResult (workloads: readonly WorkloadResult[], candidates: Candidates, pins: string): Promise<Result> {
  return {
    machine: machine(),
    commit: await commit(),
    pins,
    about: Object.fromEntries([...candidates].map(([name, { about }]) => [name, about])),
    versions: await versions(candidates),
    workloads
  }
}

async function report (result: Result, { json, docs }: BenchOptions): Promise<void> {
  if (json !== undefined) await writeFile(json, `${JSON.stringify(result, undefined, 2)}\n`)
  if (docs) await writeDocument(result)
  const invalid = result.workloads.flatMap(({ name, comparisons }) => comparisons.flatMap(({ measurements }) => measurements.flatMap(({ label, rounds }) =>
    rounds.flatMap(({ errors }, i) => errors.map(error => `INVALID: ${name}, ${label}, round ${i + 1}: ${error}\n`)))))
  if (invalid.length === 0) return
  stderr.write(`\n${invalid.join('')}`)
  process.exitCode = 1
}

/** One line that is written over, where somebody is looking; what is loud stays. */
function say (line: string): void {
  if (line.startsWith('INVALID')) stderr.write(`${stderr.isTTY ? '\r\x1b[K' : ''}${line}\n`)
  else if (stderr.isTTY) stderr.write(`\r\x1b[K${line}`)
}

main().then(() => { process.exit() }, (error: Error) => {
  stderr.write(`bench: ${error.message}\n`)
  if (error instanceof UsageError) stderr.write('--help shows what is possible.\n')
  process.exit(error instanceof UsageError ? 2 : 1)
})
