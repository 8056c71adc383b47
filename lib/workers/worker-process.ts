import cluster, { type Worker } from 'node:cluster'
import type { Clock } from '../clock.js'
import { messageFromWorker, type ToWorker } from './protocol.js'

/** How a worker stands: it has been forked, serves, has been told to stop, or has ended. */
export type WorkerState = 'starting' | 'ready' | 'stopping' | 'ended'

export interface WorkerEvents {
  /** It wants to be started. */
  hello (worker: WorkerProcess): void
  ready (worker: WorkerProcess): void
  ended (worker: WorkerProcess, code: number | null, signal: string | null): void
  /** It has sent something that it should not have. */
  confused (worker: WorkerProcess, error: Error): void
}

/** One forked process. */
export class WorkerProcess {
  /** 1 and on; one that takes the place of another has its number. 0 for a spare one. */
  id: number
  /** Whether it has loaded its program, and waits to be started. */
  loaded = false
  /** Whether it has used its time as a spare one. */
  warm = false
  state: WorkerState = 'starting'
  /** Whether it has been given what is known, and so is to be told of changes. */
  introduced = false
  /** Of the configuration that it runs with. */
  version = 0
  /** When it became ready; undefined when it never did. */
  readyAt: number | undefined
  /** What it said of its end. */
  reason: string | undefined
  readonly #clock: Clock
  readonly #process: Worker
  readonly #pending = new Map<number, { resolve (value: unknown): void, reject (error: Error): void }>()
  #requests = 0

  /** Forks what `cluster.setupPrimary` has been told. */
  constructor (id: number, clock: Clock, events: WorkerEvents) {
    this.id = id
    this.#clock = clock
    this.#process = cluster.fork()
    this.#process.on('message', (value: unknown) => {
      try {
        this.#received(value, events)
      } catch (error) {
        events.confused(this, error as Error)
      }
    })
    this.#process.on('error', (error: Error) => {
      // Sending to one that is just ending fails, and its end is heard of; but not of one for which there was no process.
      if (this.pid !== undefined) return
      this.reason ??= error.message
      ended(null, null)
    })
    const ended = (code: number | null, signal: string | null): void => {
      if (this.state === 'ended') return
      this.state = 'ended'
      for (const { reject } of this.#pending.values()) reject(new Error(`worker ${this.id} ended: ${this.reason ?? signal ?? `exit code ${code}`}`))
      this.#pending.clear()
      events.ended(this, code, signal)
    }
    this.#process.once('exit', ended)
  }

  get pid (): number | undefined { return this.#process.process.pid }

  /** Milliseconds that it has been ready for. */
  get served (): number { return this.readyAt === undefined ? 0 : this.#clock.now() - this.readyAt }

  send (message: ToWorker): void {
    if (this.#process.isConnected()) this.#process.send(message, () => {})
  }

  /**
   * @param ms how long the answer is waited for
   * @returns what it answers; rejects with the reason why it refuses, or does not answer
   */
  async ask (message: { readonly balancer: 'reload', readonly configuration: unknown } | { readonly balancer: 'collect', readonly name: string }, ms: number): Promise<unknown> {
    if (!this.#process.isConnected()) throw new Error(`worker ${this.id} has ended`)
    const request = this.#requests++
    return await new Promise((resolve, reject) => {
      const cancel = this.#clock.after(ms, () => { settle(() => { reject(new NoAnswerError(`worker ${this.id} did not answer within ${ms} ms`)) }) })
      const settle = (end: () => void): void => {
        cancel()
        this.#pending.delete(request)
        end()
      }
      this.#pending.set(request, {
        resolve: value => { settle(() => { resolve(value) }) },
        reject: error => { settle(() => { reject(error) }) }
      })
      this.send({ ...message, request })
    })
  }

  stop (): void {
    if (this.state === 'ended') return
    this.state = 'stopping'
    this.send({ balancer: 'stop' })
  }

  kill (reason?: string): void {
    this.reason ??= reason
    this.#process.process.kill('SIGKILL')
  }

  #received (value: unknown, events: WorkerEvents): void {
    const message = messageFromWorker(value)
    switch (message?.balancer) {
      case undefined: return
      case 'hello':
        this.loaded = true
        return events.hello(this)
      case 'warmed':
        this.warm = true
        return
      case 'ready':
        if (this.state !== 'starting') return
        this.state = 'ready'
        this.readyAt = this.#clock.now()
        return events.ready(this)
      case 'failed':
        this.reason = message.reason
        return
      case 'answer': return this.#pending.get(message.request)?.resolve(message.value)
      case 'refusal': return this.#pending.get(message.request)?.reject(new Error(message.reason))
    }
  }
}

/** Nobody knows what has become of what was asked. */
export class NoAnswerError extends Error {}
