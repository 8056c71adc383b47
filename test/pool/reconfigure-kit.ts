/** Pools whose options change while they are used. */
import { setImmediate as tick } from 'node:timers/promises'
import type { Test } from 'tap'
import { poolSettings } from '../../lib/pool-settings.js'
import type { PoolOptions } from '../../lib/pool-options.js'
import { poolOf, type TestPool } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'

export interface Reconfigurable extends TestPool {
  readonly clock: VirtualClock
  /** Changes some of the options; undefined takes one away. */
  readonly change: (changes: { [Option in keyof PoolOptions]?: PoolOptions[Option] | undefined }) => Promise<void>
  /** Sends so many requests one after another and tells who answered, in order. */
  readonly turns: (count: number, path?: string) => Promise<string>
  /** Sends one and tells its status, or the code of its error. */
  readonly status: (path?: string) => Promise<number | string>
  /** Ends it, and sees to it that nothing is left, whatever has been changed. */
  readonly end: () => Promise<void>
}

/** A pool on a clock that stands still. It is started unless it is told not to be. */
export async function reconfigurable (t: Test, options: PoolOptions, started = true): Promise<Reconfigurable> {
  const clock = new VirtualClock()
  const made = poolOf(t, options, clock)
  const { pool } = made
  let present = options
  if (started) await pool.start()
  const send = async (path: string): Promise<{ readonly status: number, readonly name: string }> => {
    const { statusCode, headers, body } = await pool.request({ method: 'GET', path, key: path })
    await body.dump()
    // Its connection is free for the next one only then.
    await tick()
    return { status: statusCode, name: String(headers['x-name']) }
  }
  return {
    ...made,
    clock,
    async change (changes) {
      present = Object.fromEntries(Object.entries({ ...present, ...changes }).filter(([, value]) => value !== undefined)) as PoolOptions
      // As the gateway does it: what stands for options that are the same is the same object.
      await pool.reconfigure(poolSettings(pool.name, present, '', pool.settings.log, clock, pool.settings))
    },
    async turns (count, path = '/') {
      const names: string[] = []
      for (let i = 0; i < count; i++) names.push((await send(path)).name)
      return names.join('')
    },
    async status (path = '/') {
      try {
        return (await send(path)).status
      } catch (error) {
        return String((error as NodeJS.ErrnoException).code)
      }
    },
    async end () {
      t.same(pool.load, { inFlight: 0, streams: 0, waiting: 0 }, 'nothing is in flight')
      for (const { url, inFlight } of pool.targets) t.equal(inFlight, 0, url)
      await pool.destroy()
      await clock.advance(0)
      t.equal(clock.pending, 0, 'no timer is left')
    }
  }
}
