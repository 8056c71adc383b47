import type { Test } from 'tap'
import { sleep, systemClock } from '../../lib/clock.js'
import type { DiscoveredTarget, Discovery } from '../../lib/discovery.js'
import { gateway, REFUSING, until, type Gateway } from '../kit/index.js'

/** A gateway whose pool `users` follows a source, from its first list on. */
export async function following (t: Test, source: Discovery, options: object = {}): Promise<Gateway> {
  const made = await gateway(t, { name: 'users', targets: [REFUSING], ...options }, { logger: false })
  const pool = made.app.upstreams['users']
  if (pool === undefined) throw new Error('no pool')
  const ending = new AbortController()
  const follow = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      try {
        for await (const list of source(ending.signal)) {
          const items = list.map(item => typeof item === 'string' ? { url: item } : item)
          void pool.set(items.map(({ draining, ...item }: DiscoveredTarget) => item))
          for (const { url, draining } of items) pool.drain(url, draining !== undefined && draining !== false)
        }
      } catch {
        // The last list holds.
      }
      await sleep(systemClock, 200 * (0.5 + systemClock.random()), ending.signal)
    }
  }
  const over = follow()
  t.teardown(async () => {
    ending.abort()
    await over
  })
  await until(() => pool.targets.some(({ url }) => url !== REFUSING), 30_000)
  return made
}
