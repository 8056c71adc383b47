/** A primary and its workers as real processes, all gone at the end of their test. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Test } from 'tap'
import { Agent } from 'undici'
import type { PrimaryOptions, Totals, WorkerStatus } from '../../lib/workers/index.js'
import type { TargetSnapshot } from '../../lib/index.js'
import { until } from '../kit/index.js'
import type { Configuration } from './configuration.js'

/** Milliseconds that anything may take on a machine that is busy. */
export const PATIENCE = 90_000

export interface Line { readonly level: string, readonly message: string, readonly [field: string]: unknown }

export interface Running {
  readonly child: ChildProcess
  readonly log: readonly Line[]
  /** Where the workers listen. */
  url (): Promise<string>
  /** Resolves when all workers serve; rejects when none can. */
  started (): Promise<void>
  workers (): Promise<readonly WorkerStatus[]>
  totals (): Promise<Totals>
  /** Targets of the primary's own pools. */
  upstreams (): Promise<Record<string, readonly TargetSnapshot[]>>
  collect (name: string, ms?: number): Promise<ReadonlyArray<{ worker: number, value?: unknown }>>
  reload (configuration: Configuration): Promise<void>
  /** Resolves with how the primary ended. */
  ended (): Promise<{ readonly code: number | null, readonly signal: string | null }>
  /** The line with this message, once it is there. */
  line (message: string, count?: number): Promise<Line>
}

/** Without a spare worker, which most tests would only have to wait for. */
export function running (t: Test, count: number, configuration: Configuration, options: Partial<PrimaryOptions<never>> = {}): Running {
  const child = fork(new URL('primary-program.ts', import.meta.url), [JSON.stringify({ count, configuration, options: { spare: false, startTimeout: PATIENCE, ...options } })], {
    execArgv: ['--import=tsx'], stdio: ['ignore', 'inherit', 'pipe', 'ipc'], serialization: 'advanced'
  })
  const log: Line[] = []
  const pids = new Set<number>()
  createInterface(child.stderr as Readable).on('line', text => {
    if (!text.startsWith('{')) {
      t.comment(text)
      return
    }
    const line = JSON.parse(text) as Line
    log.push(line)
    if (typeof line['pid'] === 'number') pids.add(line['pid'])
  })
  const exit = once(child, 'exit') as Promise<[number | null, string | null]>
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exit
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended long ago, as it should.
      }
    }
  })
  let calls = 0
  const call = async <Value>(method: string, ...args: unknown[]): Promise<Value> => await new Promise((resolve, reject) => {
    const id = calls++
    const ended = (): void => { reject(new Error('the primary has ended')) }
    const answered = (message: { id: number, value?: Value, error?: string, code?: string }): void => {
      if (message.id !== id) return
      child.off('message', answered)
      child.off('exit', ended)
      if (message.error === undefined) resolve(message.value as Value)
      else reject(Object.assign(new Error(message.error), { code: message.code }))
    }
    child.on('message', answered)
    child.on('exit', ended)
    child.send({ id, method, args })
  })
  return {
    child,
    log,
    url: async () => {
      const [first] = await call<Array<{ value: number }>>('collect', 'port')
      return `http://127.0.0.1:${first?.value}`
    },
    started: async () => { await call('started') },
    workers: async () => await call('workers'),
    totals: async () => await call('totals'),
    upstreams: async () => await call('upstreams'),
    collect: async (name, ms) => await call('collect', name, ms),
    reload: async configuration => { await call('reload', configuration) },
    ended: async () => {
      const [code, signal] = await exit
      return { code, signal }
    },
    line: async (message, wanted = 1) => {
      await until(() => log.filter(line => line.message === message).length >= wanted, PATIENCE)
      return log.filter(line => line.message === message)[wanted - 1] as Line
    }
  }
}

/** Resolves when `holds` does, for what can only be asked for. */
export async function eventually (holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!await holds()) {
    if (performance.now() > end) throw new Error(`still not so after ${PATIENCE} ms: ${holds.toString()}`)
    await new Promise(resolve => { setTimeout(resolve, 20) })
  }
}

export interface Answer {
  readonly began: number
  readonly ended: number
  /** Undefined when the request failed. */
  readonly status: number | undefined
  /** Process that answered. */
  readonly pid: number | undefined
  readonly error?: Error
}

/** Clients that send one request after another, each on a connection that it keeps, or on a new one each time, until they are told to stop. */
export class Clients {
  readonly answers: Answer[] = []
  readonly #url: string
  readonly #agents: Agent[] = []
  readonly #done: Array<Promise<void>> = []
  #stopped = false

  constructor (t: Test, url: string, { keeping, opening }: { readonly keeping: number, readonly opening: number }) {
    this.#url = url
    t.teardown(async () => { await this.stop() })
    for (let i = 0; i < keeping + opening; i++) this.#done.push(this.#client(i >= keeping))
  }

  async stop (): Promise<readonly Answer[]> {
    this.#stopped = true
    await Promise.all(this.#done)
    await Promise.all(this.#agents.splice(0).map(async agent => { await agent.close() }))
    return this.answers
  }

  async #client (opening: boolean): Promise<void> {
    // undici sends nothing again by itself.
    const agent = new Agent({ connections: 1 })
    this.#agents.push(agent)
    while (!this.#stopped) {
      const began = performance.now()
      try {
        const { statusCode, headers, body } = await agent.request({ origin: this.#url, path: '/users/', method: 'GET', reset: opening })
        await body.dump()
        this.answers.push({ began, ended: performance.now(), status: statusCode, pid: Number(headers['x-worker']) })
      } catch (error) {
        this.answers.push({ began, ended: performance.now(), status: undefined, pid: undefined, error: error as Error })
      }
      // What they send must leave room for processes that start on the same machine.
      await new Promise(resolve => { setTimeout(resolve, 40) })
    }
  }
}
