import type { Setup } from './candidate.js'
import type { Candidates } from './candidates.js'
import { startGateway, type Gateway } from './gateway.js'
import type { Load, Plan, Prepared } from './load/load.js'
import { roundOf, type Comparison as Compared, type Round, type WorkloadResult } from './measurement.js'
import type { Pins } from './pins.js'
import { startUpstream } from './upstream/index.js'
import type { Upstream, UpstreamName } from './upstream/upstream.js'
import { verifyAnswer } from './verify.js'
import { comparisonsOf, type Comparison, type Entry, type Workload } from './workload.js'

export interface Bench {
  readonly candidates: Candidates
  readonly load: Load
  readonly pins: Pins
  readonly upstream: UpstreamName | undefined
  readonly rounds: number
  /** Of each round. */
  readonly seconds: number
  /** Seconds of processor time that every candidate gets before the first round. */
  readonly warmUp: number
  /** Is told what is going on. */
  readonly say: (line: string) => void
}

/** Everything that it starts is gone at the end. undefined when no candidate can do what it needs. */
export async function runWorkload (name: string, workload: Workload, bench: Bench): Promise<WorkloadResult | undefined> {
  const able = [...bench.candidates].filter(([, { can }]) => can.includes(workload.needs)).map(([name]) => name)
  const comparisons = comparisonsOf(workload, able)
  if (comparisons.length === 0) return undefined
  const needs = { tls: workload.tls ?? false, streams: workload.plan.kind !== 'http' }
  const upstream = await startUpstream(needs, bench.upstream, bench.pins.others)
  try {
    const compared: Compared[] = []
    for (const comparison of comparisons) compared.push(await compare(name, workload, comparison, upstream, bench))
    return {
      name,
      about: workload.about,
      unit: workload.unit ?? 'request',
      connections: workload.plan.connections,
      upstream: upstream.name,
      load: workload.plan.kind === 'http' ? bench.load.name : 'clients of our own',
      rounds: bench.rounds,
      seconds: bench.seconds,
      warmUp: bench.warmUp,
      at: new Date().toISOString(),
      comparisons: compared
    }
  } finally {
    await upstream.end()
  }
}

interface Contestant {
  readonly label: string
  readonly candidate: string
  readonly gateway: Gateway
  readonly rounds: Round[]
}

async function compare (name: string, workload: Workload, comparison: Comparison, upstream: Upstream, bench: Bench): Promise<Compared> {
  const contestants: Contestant[] = []
  try {
    for (const entry of comparison.entries) {
      const gateway = await startEntry(entry, workload, upstream, bench)
      contestants.push({ label: entry.label, candidate: entry.candidate, gateway, rounds: [] })
      await verifyAnswer(entry.label, gateway.url, workload.plan)
    }
    for (const { gateway, label } of contestants) {
      bench.say(`${name}: ${label}, warm-up`)
      await warmUp(gateway, workload, bench)
    }
    for (let turn = 0; turn < bench.rounds; turn++) {
      for (const contestant of rotated(contestants, turn)) {
        bench.say(`${name}: ${contestant.label}, round ${turn + 1} of ${bench.rounds}`)
        contestant.rounds.push(await measure(contestant, workload, bench))
      }
    }
    return { reference: comparison.reference, measurements: contestants.map(({ label, candidate, rounds }) => ({ label, candidate, rounds })) }
  } finally {
    for (const { gateway } of contestants) await gateway.end()
  }
}

async function startEntry ({ candidate: name, variant }: Entry, { setup }: Workload, upstream: Upstream, { candidates, pins }: Bench): Promise<Gateway> {
  const candidate = candidates.get(name)
  if (candidate === undefined) throw new Error(`there is no candidate ${name}`)
  const { targets, options } = variant ?? {}
  const whole: Setup = {
    ...setup,
    targets: targets === undefined ? [upstream.url] : Array.from({ length: targets }, (_, i) => `${upstream.url}/t${i}`),
    ...upstream.caFile !== undefined && { caFile: upstream.caFile },
    ...options !== undefined && { options }
  }
  return await startGateway(name, candidate, whole, pins.gateway)
}

/**
 * It goes by processor time, since on a busy machine a program of Node can take long to be compiled. One that the load can not keep busy
 * has had enough after twice as long.
 */
async function warmUp (gateway: Gateway, { plan }: Workload, { load, warmUp: seconds }: Bench): Promise<void> {
  if (seconds === 0) return
  const begin = performance.now()
  const cpu = async (): Promise<number> => (await gateway.usage())?.cpu ?? NaN
  const before = await cpu()
  do await withLoad(load, gateway, plan, async ({ run }) => { await run(Math.min(1, seconds)) })
  while (performance.now() - begin < seconds * 2000 && !(await cpu() - before >= seconds * 0.9e9))
}

async function measure ({ gateway, label }: Contestant, { plan }: Workload, { load, seconds, say }: Bench): Promise<Round> {
  const round = await withLoad(load, gateway, plan, async ({ run }) => {
    const before = await gateway.usage()
    const measured = await run(seconds)
    return roundOf(measured, before, await gateway.usage())
  })
  for (const error of round.errors) say(`INVALID ROUND: ${label}: ${error}`)
  return round
}

async function withLoad<Value> (load: Load, { url }: Gateway, plan: Plan, use: (load: Prepared) => Promise<Value>): Promise<Value> {
  const prepared = await load.prepare(url, plan)
  try {
    return await use(prepared)
  } finally {
    await prepared.end()
  }
}

/** Nobody is always the first. */
export function rotated<Value> (values: readonly Value[], by: number): readonly Value[] {
  const at = by % values.length
  return [...values.slice(at), ...values.slice(0, at)]
}
