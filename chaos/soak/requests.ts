import { IDLE, KEEP_ALIVE, rested, returned, settled } from './settled.js'
import { MixedLoad } from './mixed-load.js'
import type { Sample, Soaked } from './judgement.js'
import type { Stage } from '../stage.js'

/** What goes wrong, as a share of requests each. */
const ABORTS = 0.01
const RESETS = 0.01
const STALLS = 0.01

/** How long the gateway waits for an answer that does not come, ms. */
const HEADERS = 500

/** Fewer say nothing about a slope: what is kept once weighs more than what is kept each time. */
const ENOUGH = 200_000

const MILLION = 1_000_000

export interface RequestSoakOptions {
  readonly requests: number
  /** Requests per second at most. Default: as many as the gateway takes. */
  readonly rate?: number | undefined
  /** Looks at the heap. Default: 50. */
  readonly samples?: number
  readonly tell: (progress: string) => void
}

export async function soakRequests (stage: Stage, { requests, rate, samples: looks = 50, tell }: RequestSoakOptions): Promise<Soaked> {
  const upstreams = await stage.upstreams({ takes: [1, 5], keepAlive: KEEP_ALIVE, resets: RESETS, stalls: STALLS })
  const gateway = await stage.balancer({ targets: upstreams.map(({ url }) => url), pool: { timeouts: { headers: HEADERS, idle: IDLE } }, recorded: false })
  const start = await rested(gateway)
  const load = new MixedLoad(gateway.url, { rate, aborts: ABORTS })
  stage.atEnd(async () => { await load.end() })
  const samples: Sample[] = []
  const batch = Math.ceil(requests / looks)
  for (let done = 0; done < requests;) {
    const count = Math.min(batch, requests - done)
    await load.run(count)
    done += count
    const { heap } = await gateway.usage()
    samples.push({ units: done / MILLION, heap })
    tell(`${done} requests, heap ${(heap / MILLION).toFixed(2)} MB`)
  }
  await returned(gateway, load)
  await load.end()
  const outcomes = Object.entries(load.outcomes).map(([outcome, count]) => `${outcome} ${count}`).join(', ')
  return {
    what: `${requests} requests: ${outcomes}`,
    unit: 'million requests',
    samples,
    start,
    end: await settled(gateway, start),
    slopeCounts: requests >= ENOUGH
  }
}
