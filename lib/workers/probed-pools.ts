import { isDeepStrictEqual } from 'node:util'
import { configuration } from '../options.js'
import type { Pool } from '../pool.js'
import { ProbedPool, type ProbedPoolSettings, type SharedPoolOptions } from './probed-pool.js'

/** Pools as a program makes them from its configuration. */
export type PoolsOptions = Readonly<Record<string, SharedPoolOptions>>

/** A change that has been made, and can still be taken back. */
export interface Staged {
  commit (): void
  undo (): void
}

/** The pools of the primary: each probes and discovers once for all workers. */
export class ProbedPools {
  readonly #settings: ProbedPoolSettings
  #pools: ReadonlyMap<string, ProbedPool> = new Map()

  constructor (settings: ProbedPoolSettings) {
    this.#settings = settings
  }

  /** By name, for looking at. */
  get pools (): Readonly<Record<string, Pool>> {
    return Object.fromEntries([...this.#pools].map(([name, { pool }]) => [name, pool]))
  }

  /**
   * Makes these the pools. Those whose options are the same stay, as do those that differ in nothing but their `targets`. Others
   * begin anew with what is known of their targets.
   *
   * @throws BadOptionError, and nothing has changed
   */
  stage (pools: PoolsOptions): Staged {
    configuration({ pools, routes: [] })
    const before = this.#pools
    const next = this.#made(pools)
    const undo: Array<() => void> = []
    for (const [name, pool] of next) {
      const old = before.get(name)
      const options = pools[name] as SharedPoolOptions
      if (old === pool) {
        const { options: was } = old
        if (isDeepStrictEqual(options, was)) continue
        pool.retarget(options)
        undo.push(() => { pool.retarget(was) })
      } else {
        old?.mute()
        pool.hear()
        void pool.pool.start()
        undo.push(() => {
          void pool.end()
          old?.hear()
        })
      }
    }
    this.#pools = next
    const forgetAllBut = (those: ReadonlyMap<string, ProbedPool>, others: ReadonlyMap<string, ProbedPool>): void => {
      for (const name of others.keys()) if (!those.has(name)) this.#settings.relay.forget(name)
    }
    return {
      commit: () => {
        for (const [name, pool] of before) if (next.get(name) !== pool) void pool.end()
        forgetAllBut(next, before)
      },
      undo: () => {
        this.#pools = before
        for (const step of undo) step()
        forgetAllBut(before, next)
      }
    }
  }

  async close (): Promise<void> {
    await Promise.all([...this.#pools.values()].map(async pool => { await pool.end() }))
  }

  /** Pools that stay, and new ones, which have not begun. */
  #made (pools: PoolsOptions): Map<string, ProbedPool> {
    const made: ProbedPool[] = []
    try {
      return new Map(Object.entries(pools).map(([name, options]) => {
        const old = this.#pools.get(name)
        if (old !== undefined && mayStay(old.options, options)) {
          old.check(options, this.#settings)
          return [name, old]
        }
        const pool = new ProbedPool(name, options, old?.verdicts ?? new Map(), this.#settings)
        made.push(pool)
        return [name, pool]
      }))
    } catch (error) {
      for (const pool of made) void pool.end()
      throw error
    }
  }
}

/** The targets of a pool with a source of discovery are only those that it begins with. */
function mayStay (was: SharedPoolOptions, now: SharedPoolOptions): boolean {
  return isDeepStrictEqual(now, was) || (now.discovery === undefined && isDeepStrictEqual({ ...now, targets: [] }, { ...was, targets: [] }))
}
