import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.js'
import type { Upstreams } from '../plugin.js'
import { Pool, type PoolSettings } from '../pool.js'
import type { PoolOptions } from '../pool-options.js'
import { poolSettings } from '../pool-settings.js'
import { optionPath } from '../schema.js'
import type { GatewayDocument } from './types.js'

/** What becomes of pools when another document takes effect. Nothing has, until `commit`. */
export interface PoolChange {
  /** Every pool of the document. */
  readonly pools: Readonly<Record<string, Pool>>
  /** Starts those that are new, which `commit` does otherwise: settles when each has its first list, or its time for it is over. */
  readonly start: () => Promise<void>
  /** Makes it so, all at once. */
  readonly commit: () => void
  /** Gives up what was made for it. */
  readonly abandon: () => Promise<void>
}

/** The options of a document's pools as code would give them; `commit` once they have been taken on. */
export type OptionsOf = (pools: GatewayDocument['pools']) => Promise<{ readonly options: Readonly<Record<string, PoolOptions>>, readonly commit: () => void }>

/** The pools of a gateway. They outlive generations of routes: a pool whose name stays is the same one, with other settings. */
export class Pools {
  /** Every pool of the moment by name. */
  readonly upstreams: Upstreams = Object.create(null) as Upstreams
  readonly #log: FastifyBaseLogger
  readonly #clock: Clock
  readonly #optionsOf: OptionsOf
  /** What has left, until it is closed. */
  readonly #leaving = new Set<Pool>()

  constructor (log: FastifyBaseLogger, clock: Clock, optionsOf: OptionsOf) {
    this.#log = log
    this.#clock = clock
    this.#optionsOf = optionsOf
  }

  /** @throws BadOptionError */
  async prepare (wanted: GatewayDocument['pools']): Promise<PoolChange> {
    const settings = new Map<string, PoolSettings>()
    const { options: all, commit } = await this.#optionsOf(wanted)
    for (const [name, options] of Object.entries(all)) {
      settings.set(name, poolSettings(name, options, optionPath('pools', name), this.#log, this.#clock, this.#find(name)?.settings))
    }
    const made = new Map<string, Pool>()
    const pools = Object.fromEntries([...settings].map(([name, settings]) => {
      const pool = this.#find(name) ?? new Pool(settings)
      if (this.#find(name) === undefined) made.set(name, pool)
      return [name, pool]
    }))
    let started: Promise<unknown> | undefined
    const start = async (): Promise<void> => {
      started ??= Promise.all([...made.values()].map(async pool => { await pool.start() }))
      await started
    }
    return {
      pools,
      start,
      commit: () => {
        commit()
        for (const [name, pool] of Object.entries(this.upstreams)) {
          const next = settings.get(name)
          if (next === undefined) this.#remove(name)
          else this.#ends(name, pool.reconfigure(next))
        }
        for (const [name, pool] of made) this.upstreams[name] = pool
        void start()
      },
      abandon: async () => { await Promise.all([...made.values()].map(async pool => { await pool.destroy() })) }
    }
  }

  /** The gateway begins to close. */
  retire (): void {
    for (const pool of Object.values(this.upstreams)) pool.retire()
  }

  async destroy (): Promise<void> {
    await Promise.all([...Object.values(this.upstreams), ...this.#leaving].map(async pool => { await pool.destroy() }))
  }

  /** Nothing leads to it any more but what is under way, which may finish: streams and WebSockets within its `timeouts.grace`. */
  #remove (name: string): void {
    const pool = this.#find(name)
    if (pool === undefined) return
    delete this.upstreams[name]
    this.#leaving.add(pool)
    this.#log.info({ pool: name }, 'pool left')
    pool.retire()
    this.#ends(name, pool.close().finally(() => { this.#leaving.delete(pool) }))
  }

  /** Nobody waits for what leaves. */
  #ends (name: string, end: Promise<void>): void {
    end.catch((error: unknown) => { this.#log.error({ pool: name, err: error }, 'something of a former configuration could not be closed') })
  }

  #find (name: string): Pool | undefined {
    return Object.hasOwn(this.upstreams, name) ? this.upstreams[name] : undefined
  }
}
