import cluster from 'node:cluster'
import { systemClock } from '../clock.js'
import { BadOptionError } from '../errors.js'
import type { Pool } from '../pool.js'
import type { PoolOptions } from '../pool-options.js'
import { divided } from './divide.js'
import { Feed } from './feed.js'
import { sharedListen } from './listening.js'
import { POOLS } from './names.js'
import type { PoolsOptions } from './probed-pools.js'
import { messageToWorker, type FromWorker, type ToWorker } from './protocol.js'
import { poolSnapshots } from './totals.js'

/** What runs in a worker. None of these is called while another is under way. */
export interface WorkerProgram<Configuration> {
  /**
   * For a process that waits to take the place of another: loads and compiles what `start` will need, without any effect.
   * What goes wrong in it shows, if it matters, in the start. Default: nothing.
   */
  warmUp? (): Promise<void>
  /** Resolves when it serves; a rejection ends the worker. */
  start (configuration: Configuration, worker: WorkerContext): Promise<void>
  /** Takes on a new configuration without losing a request. When it rejects, the old one must still hold. */
  reload (configuration: Configuration): Promise<void>
  /** Resolves when everything under way has been answered; the process ends then. */
  stop (): Promise<void>
}

/** What a program has from the other workers, through their primary. */
export interface WorkerContext {
  /** 1 and on; a worker that takes the place of another has its number. */
  readonly id: number
  /** How many workers there are. */
  readonly count: number
  /**
   * The options of pools as this worker is to use them: with its part of the limits, and with the verdicts and lists of the primary
   * in place of probes and sources of discovery.
   */
  pools (options: PoolsOptions): Record<string, PoolOptions>
  /** Options of `listen` with which every worker can listen on the same port. */
  listen<Options extends { readonly port?: number | undefined }> (options: Options): Options & { readonly reusePort?: true }
  /** Answers what the primary collects under this name; the value must be plain data. */
  answer (name: string, value: () => unknown): void
  /** Answers the primary's `totals`. Pools that are added later are told of too. */
  tellOf (upstreams: Readonly<Record<string, Pool>>): void
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/**
 * Makes this process one of the workers of the primary that has forked it.
 *
 * SIGTERM and SIGINT stop it in good order, as the primary does: a terminal and some service managers send them to every process. A
 * second one ends it at once, with code 1. It also stops when the primary is gone, which nobody is left to tell it.
 *
 * @throws BadOptionError when the process has not been forked by a primary
 */
export function runWorker<Configuration> (program: WorkerProgram<Configuration>): void {
  if (cluster.worker === undefined) throw BadOptionError('runWorker: this process has not been forked by runPrimary, must be')
  const { worker } = cluster
  const feeds = new Map<string, Feed>()
  const answers = new Map<string, () => unknown>()
  /** One step after another; never rejects. */
  let turn: Promise<void> = Promise.resolve()
  let started = false
  let stopping = false
  let signalled = false
  let stopTimeout = 0

  // Node would end the process at once.
  worker.on('disconnect', () => {
    worker.exitedAfterDisconnect = true
    stop()
  })
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (signalled) process.exit(1)
      signalled = true
      stop()
    })
  }
  process.on('message', value => {
    try {
      const message = messageToWorker(value)
      if (message !== undefined) received(message)
    } catch (error) {
      fail(error)
    }
  })
  send({ balancer: 'hello' })

  function received (message: ToWorker): void {
    switch (message.balancer) {
      case 'start': {
        const { id, count, configuration, knowledge } = message
        stopTimeout = message.stopTimeout
        for (const [name, known] of knowledge) feeds.set(name, new Feed(known))
        return next(async () => { await start(configuration as Configuration, id, count) })
      }
      case 'verdicts': return feedOf(message.pool).judged(message.verdicts)
      case 'targets': return feedOf(message.pool).listed(message.targets)
      case 'forget':
        feeds.delete(message.pool)
        return
      case 'reload': {
        const { request, configuration } = message
        return next(async () => {
          await answer(request, async () => {
            if (stopping) throw new Error('it is being stopped')
            await program.reload(configuration as Configuration)
          })
        })
      }
      case 'collect': {
        const { request, name } = message
        void answer(request, async () => {
          const value = answers.get(name)
          if (value === undefined) throw new Error(`nothing is answered to '${name}', only to ${[...answers.keys()].join(', ') || 'nothing'}`)
          return await value()
        })
        return
      }
      case 'warm': return next(warmUp)
      case 'stop': return stop()
    }
  }

  async function warmUp (): Promise<void> {
    try {
      if (!stopping) await program.warmUp?.()
    } catch {
      // The start will say so.
    }
    send({ balancer: 'warmed' })
  }

  async function start (configuration: Configuration, id: number, count: number): Promise<void> {
    if (stopping) return
    try {
      await program.start(configuration, {
        id,
        count,
        pools: options => Object.fromEntries(Object.entries(options).map(([name, pool]) => [name, shared(pool, count, feedOf(name))])),
        listen: sharedListen,
        answer: (name, value) => { answers.set(name, value) },
        tellOf: upstreams => { answers.set(POOLS, () => poolSnapshots(upstreams)) }
      })
      started = true
      send({ balancer: 'ready' })
    } catch (error) {
      fail(error)
    }
  }

  function stop (): void {
    if (stopping) return
    stopping = true
    // The primary sees to it too; but it may be gone, and whatever is under way before this step may never end.
    systemClock.after(stopTimeout, () => { process.exit(1) })
    next(async () => {
      try {
        if (started) await program.stop()
        process.exit(0)
      } catch (error) {
        fail(error)
      }
    })
  }

  /** The primary logs why; without one the program's own log has to do. */
  function fail (error: unknown): void {
    const end = (): void => { process.exit(1) }
    if (process.connected) process.send?.({ balancer: 'failed', reason: reasonOf(error) } satisfies FromWorker, end)
    else end()
  }

  function next (step: () => Promise<void>): void {
    turn = turn.then(step)
  }

  function feedOf (pool: string): Feed {
    let feed = feeds.get(pool)
    if (feed === undefined) {
      feed = new Feed()
      feeds.set(pool, feed)
    }
    return feed
  }

  async function answer (request: number, work: () => Promise<unknown>): Promise<void> {
    try {
      send({ balancer: 'answer', request, value: await work() })
    } catch (error) {
      send({ balancer: 'refusal', request, reason: reasonOf(error) })
    }
  }
}

/** A primary that is gone need not be told anything. */
function send (message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

function shared ({ discovery, ...options }: PoolsOptions[string], count: number, feed: Feed): PoolOptions {
  return {
    ...divided(options, count),
    ...(options.health === undefined ? undefined : { health: { initial: options.health.initial ?? 'up', verdicts: feed.verdicts } }),
    ...(discovery === undefined ? undefined : { discovery: feed.discovery })
  }
}

function reasonOf (error: unknown): string {
  return (error instanceof Error ? error.message || error.name : String(error)) || 'no reason given'
}
