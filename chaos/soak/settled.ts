import { setTimeout as sleep } from 'node:timers/promises'
import type { Balancer } from '../balancer.js'
import type { Usage } from '../report.js'
import type { MixedLoad } from './mixed-load.js'

/** How long upstreams keep idle connections, ms, and when they must be gone for sure. */
export const KEEP_ALIVE = 5000
const PATIENCE = 60_000

/** How long an answer may be silent, ms. Times of one length share a timer that is let run out: by default for up to a minute after the last. */
export const IDLE = 5000
const INTERVAL = 200

/** How long a target may take to come back that has been ejected again and again, ms, and requests that let it try. */
const RETURN = 300_000
const TRIES = 20

/** What the gateway holds on to before it is asked for anything, once what it has started with has been let go of. */
export async function rested (gateway: Balancer): Promise<Usage> {
  for (let before: Usage | undefined; ;) {
    const usage = await gateway.usage()
    if (before?.sockets === usage.sockets && before.timers === usage.timers) return usage
    before = usage
    await sleep(INTERVAL)
  }
}

/** Resolves when all targets are in the rotation: one that is not has a timer for its return. */
export async function returned (gateway: Balancer, load: MixedLoad): Promise<void> {
  const end = performance.now() + RETURN
  while (Object.values((await gateway.report()).health).some(health => health !== 'up') && performance.now() < end) {
    await load.run(TRIES)
    await sleep(INTERVAL)
  }
}

/** What the gateway holds on to once nobody asks it for anything; not before it is down to `start`, unless it never is. */
export async function settled (gateway: Balancer, start: Usage): Promise<Usage> {
  const end = performance.now() + PATIENCE
  for (;;) {
    const usage = await gateway.usage()
    if ((usage.sockets <= start.sockets && usage.timers <= start.timers) || performance.now() > end) return usage
    await sleep(INTERVAL)
  }
}
