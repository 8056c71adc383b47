/** `npm run bench:check`: whether the plugin costs as little as is promised, in less than a minute. */
import { stderr, stdout } from 'node:process'
import { endOnSignals } from '../chaos/ending.js'
import { loadCandidates, OURS } from './candidates.js'
import { findLoad } from './load/index.js'
import { findPins } from './pins.js'
import { MARGIN, PROMISES, type Limit } from './promises.js'
import { aligned, range } from './rows.js'
import { runWorkload, type Bench } from './runner.js'
import { temporaryDirectory } from './server.js'
import type { Ratio } from './statistics.js'
import { summarise } from './summary.js'
import { isKept, judge } from './verdict.js'
import { loadWorkloads, type Workloads } from './workloads.js'

/** They leave some ten seconds of the minute to the build. */
const SETTINGS = { rounds: 4, seconds: 1, warmUp: 3 }

const percent = `${Math.round(MARGIN * 100)} %`

async function main (): Promise<void> {
  endOnSignals()
  const [pins, workloads, candidates] = await Promise.all([findPins(), loadWorkloads(), loadCandidates([OURS, 'reply-from'])])
  const load = await findLoad(undefined, { prefix: pins.others, directory: await temporaryDirectory() })
  const bench: Bench = { ...SETTINGS, candidates, load, pins, upstream: undefined, say: tellErrors }
  stdout.write(`${load.name}; ${pins.words}\n`)

  const broken = await judge(PROMISES, async limits => await run(limits, workloads, bench))
  stdout.write(broken.length === 0
    ? 'kept: processor time is within what is promised\n'
    : `NOT KEPT: more than ${percent} above the promise twice: ${broken.map(({ workload }) => workload).join(', ')}\n`)
  if (broken.length > 0) process.exitCode = 1
}

async function run (limits: readonly Limit[], workloads: Workloads, bench: Bench): Promise<ReadonlyMap<string, Ratio>> {
  const found = new Map<string, Ratio>()
  for (const { workload: name } of limits) {
    const workload = workloads.get(name)
    if (workload === undefined) throw new Error(`there is no workload ${name}`)
    const result = await runWorkload(name, workload, bench)
    const ratio = result?.comparisons.flatMap(summarise).find(({ label }) => label === OURS)?.ratio
    if (ratio !== undefined) found.set(name, ratio)
  }
  stdout.write(`${aligned([
    ['', 'CPU / reply-from', 'lowest to highest', 'promised', ''],
    ...limits.map(limit => {
      const ratio = found.get(limit.workload)
      return [limit.workload, ratio?.median.toFixed(2) ?? 'not measured', range(ratio), limit.ratio.toFixed(2), isKept(limit, ratio) ? 'kept' : 'ABOVE']
    })
  ])}\n`)
  return found
}

function tellErrors (line: string): void {
  if (line.startsWith('INVALID')) stderr.write(`${line}\n`)
}

main().then(() => { process.exit() }, (error: Error) => {
  stderr.write(`bench:check: ${error.message}\n`)
  process.exit(1)
})
