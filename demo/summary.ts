import type { Gateway } from './gateway.js'
import { round, type Journal } from './journal.js'
import type { Load } from './load.js'
import type { UpstreamProcess } from './process.js'
import { SCENE } from './scene.js'

/** The whole run as a value to be printed as JSON. Shares are of all answers of a pool, 0 to 1. */
export function summarize (gateway: Gateway, load: Load, journal: Journal, upstreams: readonly UpstreamProcess[]): object {
  const targets = SCENE.flatMap(pool => {
    const snapshots = gateway.targets(pool.name)
    const total = snapshots.reduce((sum, { counters }) => sum + counters.answered, 0)
    return snapshots.map(({ url, weight, health, counters }) => {
      const upstream = upstreams.find(upstream => upstream.url === url)
      const name = upstream?.config.name ?? url
      return {
        name,
        pool: pool.name,
        weight,
        health,
        attempts: counters.attempts,
        answered: counters.answered,
        failures: counters.faults,
        share: total === 0 ? 0 : round(counters.answered / total),
        deaths: upstream?.deaths ?? 0,
        returns: upstream?.returns ?? 0,
        transitions: journal.transitions(name)
      }
    })
  })
  return { seconds: round(journal.seconds), sent: load.sent, failed: load.failed, retried: gateway.retried(), targets }
}
