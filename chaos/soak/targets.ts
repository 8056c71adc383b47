import { IDLE, KEEP_ALIVE, rested, settled } from './settled.js'
import { MixedLoad } from './mixed-load.js'
import type { Sample, Soaked } from './judgement.js'
import type { Stage } from '../stage.js'

/** Targets that come and go together, and requests while they are there. */
const BATCH = 100
const REQUESTS = 300

const UNIT = 10_000

/** Batches between two samples. */
const SAMPLED_EVERY = 2

export interface TargetSoakOptions {
  readonly targets: number
  readonly tell: (progress: string) => void
}

/** Targets with base paths of their own on one upstream: to a pool they are as different as any. */
export async function soakTargets (stage: Stage, { targets, tell }: TargetSoakOptions): Promise<Soaked> {
  const upstream = await stage.upstream({ takes: [1, 5], keepAlive: KEEP_ALIVE })
  const gateway = await stage.balancer({ targets: [upstream.url], pool: { timeouts: { headers: IDLE, idle: IDLE } }, recorded: false })
  const start = await rested(gateway)
  const load = new MixedLoad(gateway.url, { aborts: 0 })
  stage.atEnd(async () => { await load.end() })
  const samples: Sample[] = []
  for (let done = 0, batches = 1; done < targets; batches++) {
    const batch = Array.from({ length: Math.min(BATCH, targets - done) }, (_, i) => `${upstream.url}/target-${done + i}`)
    await gateway.add(batch)
    await load.run(REQUESTS)
    await gateway.remove(batch)
    done += batch.length
    if (batches % SAMPLED_EVERY !== 0) continue
    const { heap } = await gateway.usage()
    samples.push({ units: done / UNIT, heap })
    tell(`${done} targets, heap ${(heap / 1_000_000).toFixed(2)} MB`)
  }
  await load.end()
  const outcomes = Object.entries(load.outcomes).map(([outcome, count]) => `${outcome} ${count}`).join(', ')
  return {
    what: `${targets} targets have come and gone: ${outcomes}`,
    unit: '10,000 targets',
    samples,
    start,
    end: await settled(gateway, start),
    slopeCounts: targets >= UNIT
  }
}
