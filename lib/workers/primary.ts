import cluster from 'node:cluster'
import { fileURLToPath } from 'node:url'
import { systemClock, type Clock } from '../clock.js'
import { BadOptionError, ReloadRefusedError, show } from '../errors.js'
import { atLeastOne, anything, flag, func, LONGEST_TIMER, object } from '../option-types.js'
import type { Pool, PoolLogger } from '../pool.js'
import { check, rule } from '../schema.js'
import { stayAwake } from '../signals.js'
import { POOLS } from './names.js'
import { ProbedPools, type PoolsOptions } from './probed-pools.js'
import { Relay } from './relay.js'
import { configureOrEnd, rollOut, type Configured } from './rollout.js'
import { Supervisor, type WorkerStatus } from './supervisor.js'
import { poolTotals, type PoolSnapshots, type PoolTotals } from './totals.js'

/** Times in milliseconds. */
export interface PrimaryOptions<Configuration> {
  /** Workers, 1 or more: as many as there are cores for them. */
  readonly count: number
  /** The module that calls `runWorker`: a path, or a file: URL. */
  readonly program: string | URL
  /** What it finds in `process.argv` after its own path. Default: nothing. */
  readonly args?: readonly string[]
  /** Handed to every worker: plain data, whatever `structuredClone` copies. */
  readonly configuration: Configuration
  /**
   * The options of every pool that workers make of a configuration, by name. Their probes and sources of discovery run here. It is called
   * for every reload as well; what it throws is a refusal. A source that is the same function as before goes on as it is.
   */
  readonly pools: (configuration: Configuration) => PoolsOptions
  readonly log: PoolLogger
  /** Whether one more process waits, with its program loaded, to take the place of a worker that ends. Default: true. */
  readonly spare?: boolean
  /** In which a worker must become ready. Default: 30000. */
  readonly startTimeout?: number
  /** In which a worker must take on a new configuration. Default: 30000. */
  readonly reloadTimeout?: number
  /** In which workers must end when they have been told to, after which they are killed. Default: 15000. */
  readonly stopTimeout?: number
}

/** What one worker answers; `error` when it does not. */
export type Collected = { readonly worker: number } & ({ readonly value: unknown } | { readonly error: Error })

/** All workers as one. */
export interface Totals {
  readonly workers: readonly WorkerStatus[]
  /** Sums over the workers that have answered. */
  readonly pools: Readonly<Record<string, PoolTotals>>
  /** Workers that should have answered and have not. */
  readonly silent: readonly number[]
}

/** Milliseconds in which workers must answer when they are asked for something. */
const ANSWER_WITHIN = 1000

const schema = object({
  count: atLeastOne,
  program: rule('a path or a file: URL', value => (typeof value === 'string' && value !== '') || (value instanceof URL && value.protocol === 'file:')),
  args: { type: 'array', items: { type: 'string' } },
  configuration: anything,
  pools: func,
  log: anything,
  spare: flag,
  startTimeout: { ...atLeastOne, maximum: LONGEST_TIMER },
  reloadTimeout: { ...atLeastOne, maximum: LONGEST_TIMER },
  stopTimeout: { ...atLeastOne, maximum: LONGEST_TIMER },
  clock: anything
} satisfies Record<keyof PrimaryOptions<unknown> | 'clock', object>, ['count', 'program', 'pools', 'log'])

/**
 * The process that forks the others and serves nobody: it keeps workers running, probes targets and discovers them once for all,
 * and hands out configurations. There is one in a process.
 */
export class Primary<Configuration = unknown> {
  readonly #options: PrimaryOptions<Configuration>
  readonly #log: PoolLogger
  readonly #relay: Relay
  readonly #probed: ProbedPools
  readonly #supervisor: Supervisor
  #configured: Configured
  #lastVersion = 0
  /** Reloads happen one after another. */
  #turn: Promise<unknown> = Promise.resolve()
  #stopped: Promise<boolean> | undefined
  /** Timers do not keep a process running, and between two workers there may be nothing else that does. */
  #rest: (() => void) | undefined

  /** @throws BadOptionError */
  constructor (options: PrimaryOptions<Configuration> & { clock?: Clock }) {
    check(schema, options)
    if (!cluster.isPrimary) throw BadOptionError('program: forks itself, must be a module that calls runWorker')
    const { clock = systemClock, log, count, program, args = [], configuration, spare = true, startTimeout = 30_000, stopTimeout = 15_000 } = options
    assertPlain(configuration)
    this.#options = options
    this.#log = log
    this.#configured = { value: configuration, version: 0 }
    this.#relay = new Relay(message => { this.#supervisor.tell(message) })
    this.#probed = new ProbedPools({ relay: this.#relay, log, clock })
    this.#supervisor = new Supervisor({
      count,
      log,
      clock,
      spare,
      startTimeout,
      stopTimeout,
      knowledge: () => this.#relay.knowledge,
      configuration: () => this.#configured,
      ready: worker => { if (worker.version !== this.#configured.version) void configureOrEnd(worker, this.#configured, this.#rollout) }
    })
    // Workers accept connections themselves. If the primary did, and handed them on, those on their way to a worker that is
    // killed would hang for ever: nobody hands them to another.
    cluster.schedulingPolicy = cluster.SCHED_NONE
    // JSON would make null of Infinity, which is a limit.
    cluster.setupPrimary({ exec: program instanceof URL ? fileURLToPath(program) : program, args: [...args], serialization: 'advanced' })
  }

  /**
   * Starts the probes, then the workers.
   *
   * @returns settles when all of them serve; rejects when none can
   * @throws BadOptionError for pools that can not be
   */
  async start (): Promise<void> {
    this.#probed.stage(this.#options.pools(this.#configured.value as Configuration)).commit()
    this.#rest = stayAwake()
    try {
      await this.#supervisor.start()
    } catch (error) {
      this.kill()
      await this.stop()
      throw error
    }
  }

  /** Every pool with what the probes say; nothing of what its requests come to. For `readiness`, for instance. */
  get upstreams (): Readonly<Record<string, Pool>> { return this.#probed.pools }

  get workers (): readonly WorkerStatus[] { return this.#supervisor.status }

  /** Whether one more process has loaded its program, and waits to take the place of a worker that ends. */
  get spare (): boolean { return this.#supervisor.hasSpare }

  /** What the workers run with. */
  get configuration (): Configuration { return this.#configured.value as Configuration }

  /**
   * Hands a new configuration to one worker after another. With the first that refuses it, everybody has the old one again.
   *
   * @throws ReloadRefusedError (`FST_BALANCER_RELOAD_REFUSED`) with the reason for a cause
   */
  async reload (configuration: Configuration): Promise<void> {
    const turn = this.#turn.then(async () => { await this.#reload(configuration) })
    this.#turn = turn.catch(() => {})
    await turn
  }

  /**
   * Asks every worker that serves for what it has said to answer under this name.
   *
   * @param ms how long the answers are waited for. Default: 1000.
   */
  async collect (name: string, ms = ANSWER_WITHIN): Promise<readonly Collected[]> {
    return await Promise.all(this.#supervisor.ready.map(async worker => {
      try {
        return { worker: worker.id, value: await worker.ask({ balancer: 'collect', name }, ms) }
      } catch (error) {
        return { worker: worker.id, error: error as Error }
      }
    }))
  }

  /** The pools of all workers as if they were one. */
  async totals (ms = ANSWER_WITHIN): Promise<Totals> {
    const collected = await this.collect(POOLS, ms)
    const told = collected.flatMap(answer => 'value' in answer ? [{ worker: answer.worker, pools: answer.value as PoolSnapshots }] : [])
    return {
      workers: this.workers,
      pools: poolTotals(told),
      silent: collected.flatMap(answer => 'error' in answer ? [answer.worker] : [])
    }
  }

  /**
   * Has every worker stop in good order, and kills those that take longer than `stopTimeout`.
   *
   * @returns whether all have ended with exit code 0
   */
  async stop (): Promise<boolean> {
    this.#stopped ??= this.#stop()
    return await this.#stopped
  }

  /** Ends every worker at once. */
  kill (): void { this.#supervisor.kill() }

  async #stop (): Promise<boolean> {
    this.#log.info({}, 'workers are stopped')
    const [orderly] = await Promise.all([this.#supervisor.stop(), this.#probed.close()])
    this.#rest?.()
    return orderly
  }

  get #rollout (): { readonly log: PoolLogger, readonly timeout: number } {
    return { log: this.#log, timeout: this.#options.reloadTimeout ?? 30_000 }
  }

  async #reload (configuration: Configuration): Promise<void> {
    if (this.#stopped !== undefined) throw ReloadRefusedError('the workers are being stopped')
    try {
      assertPlain(configuration)
      const staged = this.#probed.stage(this.#options.pools(configuration))
      // Pools begin with what is known, so it has to be there before they are.
      this.#relay.flush()
      const next = { value: configuration, version: ++this.#lastVersion }
      try {
        await rollOut(this.#supervisor.ready, next, this.#configured, this.#rollout)
      } catch (error) {
        staged.undo()
        throw error
      }
      staged.commit()
      this.#configured = next
      // Those that have become ready meanwhile, with the old one.
      await Promise.all(this.#supervisor.ready.filter(({ version }) => version !== next.version)
        .map(async worker => { await configureOrEnd(worker, next, this.#rollout) }))
      this.#supervisor.hurry()
      this.#log.info({ version: next.version }, 'every worker has the new configuration')
    } catch (error) {
      throw ReloadRefusedError((error as Error).message, { cause: error })
    }
  }
}

function assertPlain (configuration: unknown): void {
  try {
    structuredClone(configuration)
  } catch (error) {
    throw BadOptionError(`configuration: ${show(configuration)}, must be plain data: ${(error as Error).message}`)
  }
}
