import { setTimeout as sleep } from 'node:timers/promises'
import type { UpstreamProcess } from './process.js'

/** Share of the time from one outage to the next that the upstream is dead. */
const DEAD_SHARE = 0.4

/** Before the next try when the port has been taken in the meantime, ms. */
const PAUSE = 200

/** Kills the upstream and brings it back, over and over, until `signal` is aborted. */
export async function haveOutages (
  upstream: UpstreamProcess, every: number, tell: (event: string) => void, signal: AbortSignal
): Promise<void> {
  const { name } = upstream.config
  try {
    for (;;) {
      await sleep(every * (1 - DEAD_SHARE), undefined, { signal })
      await upstream.kill()
      upstream.deaths++
      tell(`${name} died`)
      await sleep(every * DEAD_SHARE, undefined, { signal })
      await comeBack(upstream, signal)
      upstream.returns++
      tell(`${name} is back`)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function comeBack (upstream: UpstreamProcess, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await upstream.start()
      return
    } catch {
      await sleep(PAUSE, undefined, { signal })
    }
  }
}
