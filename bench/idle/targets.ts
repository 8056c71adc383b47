/** Targets that are asked how they are, and nothing else. */
import { setTimeout as sleep } from 'node:timers/promises'
import { median } from '../statistics.js'
import type { Finding } from './finding.js'
import { startGateway, startUpstream, withPrograms, type Program } from './process.js'

export interface TargetsOptions {
  readonly index: string
  readonly targets: number
  /** Milliseconds between two probes of a target, and the length of a round. */
  readonly interval: number
  readonly rounds: number
}

const MOST_CPU = 5
const MOST_MB = 20

/** Two processes side by side, one with health checks and one without. */
export async function idleTargets ({ index, targets, interval, rounds }: TargetsOptions): Promise<readonly Finding[]> {
  return await withPrograms(async keep => {
    const { port } = await keep(startUpstream())
    const options = { prefix: '/', targets: Array.from({ length: targets }, (_, i) => `http://127.0.${1 + (i >> 8)}.${i & 255}:${port}`) }
    const start = async (registration: object): Promise<Program> => await keep(startGateway({ index, registrations: [registration], collects: true }))
    const [without, checking] = await Promise.all([start(options), start({ ...options, health: { path: '/', interval } })])
    // The first probes come close together, and make what is kept.
    await sleep(2 * interval)
    const shares: number[] = []
    for (let round = 0; round < rounds; round++) {
      const before = await Promise.all([checking.cpu(), without.cpu()])
      const start = performance.now()
      await sleep(interval)
      const after = await Promise.all([checking.cpu(), without.cpu()])
      const ms = performance.now() - start
      shares.push((after[0] - before[0] - (after[1] - before[1])) / 1000 / ms * 100)
    }
    const [more, less] = await Promise.all([checking.usage(), without.usage()])
    return [
      { what: `health checks of ${targets} idle targets, every ${interval} ms`, found: median(shares), limit: MOST_CPU, unit: '% of a core', besides: '' },
      {
        what: 'memory for these, over the same targets without',
        found: (more.rss - less.rss) / 1e6,
        limit: MOST_MB,
        unit: 'MB',
        besides: `of which ${((more.held - less.held) / 1e6).toFixed(2)} MB are held, and ${((more.young - less.young) / 1e6).toFixed(2)} MB are more room for new objects, ` +
          'which V8 gives to any process that does something'
      }
    ]
  })
}
