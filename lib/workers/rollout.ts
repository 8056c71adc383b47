import type { PoolLogger } from '../pool.js'
import { NoAnswerError, type WorkerProcess } from './worker-process.js'

export interface Configured { readonly value: unknown, readonly version: number }

export interface RolloutSettings {
  readonly log: PoolLogger
  /** Milliseconds in which a worker must have taken a configuration on. */
  readonly timeout: number
}

/**
 * Hands a configuration to one worker after another. The first that does not take it on ends that: those before it are given
 * the old one back.
 *
 * A worker that dies of it, or does not say what has become of it, counts as one that refuses. Nobody knows what the latter runs
 * with, so it is ended, and another begins with the old configuration.
 *
 * @returns rejects with the reason of the worker that has refused, when all have the old one again
 */
export async function rollOut (workers: readonly WorkerProcess[], next: Configured, old: Configured, settings: RolloutSettings): Promise<void> {
  const done: WorkerProcess[] = []
  for (const worker of workers) {
    // Gone meanwhile: its successor begins with the old one, and is given the next one later.
    if (worker.state !== 'ready') continue
    try {
      await configure(worker, next, settings)
      done.push(worker)
    } catch (error) {
      if (error instanceof NoAnswerError) worker.kill(error.message)
      await Promise.all(done.map(async worker => { await configureOrEnd(worker, old, settings) }))
      throw error
    }
  }
}

/** Gives a worker a configuration that others have already taken on. One that can not is replaced by one that begins with it. */
export async function configureOrEnd (worker: WorkerProcess, next: Configured, settings: RolloutSettings): Promise<void> {
  try {
    await configure(worker, next, settings)
  } catch (error) {
    const { message } = error as Error
    settings.log.error({ worker: worker.id, workerPid: worker.pid, reason: message }, 'worker can not take on what the others have: another takes its place')
    worker.kill(message)
  }
}

async function configure (worker: WorkerProcess, { value, version }: Configured, { timeout }: RolloutSettings): Promise<void> {
  await worker.ask({ balancer: 'reload', configuration: value }, timeout)
  worker.version = version
}
