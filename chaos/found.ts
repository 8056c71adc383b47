import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves with what `look` finds as soon as that is something, or with undefined after `ms` milliseconds. For facts that no event tells of. */
export async function found<Value> (look: () => Value | undefined | Promise<Value | undefined>, ms: number): Promise<Value | undefined> {
  const end = performance.now() + ms
  for (;;) {
    const value = await look()
    if (value !== undefined || performance.now() > end) return value
    await sleep(5)
  }
}
