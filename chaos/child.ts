import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Those that run. A crash of this process must not leave them behind. */
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export interface ChildOptions {
  readonly execArgv?: readonly string[]
  /** The most descriptors that it may have open. Default: as many as this process. */
  readonly descriptors?: number
}

interface Message {
  readonly ready?: unknown
  readonly id?: number
  readonly value?: unknown
  readonly error?: string
}

/** A program of this folder in a process of its own: says once that it is ready, then answers questions. */
export class Child {
  readonly #process: ChildProcess
  readonly #name: string
  readonly #asked = new Map<number, { resolve: (value: unknown) => void, reject: (error: Error) => void }>()
  readonly #exited: Promise<number | null>
  #questions = 0

  constructor (program: string, config: object, { execArgv = [], descriptors }: ChildOptions = {}) {
    this.#name = program
    const args = [...execArgv, fileURLToPath(new URL(program, import.meta.url)), JSON.stringify(config)]
    const [command, ...rest] = descriptors === undefined
      ? [process.execPath, ...args]
      : ['sh', '-c', 'ulimit -n "$0"; exec "$@"', String(descriptors), process.execPath, ...args]
    // stdout is for the table.
    const child = spawn(command, rest, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#process = child
    living.add(child)
    this.#exited = once(child, 'exit').then(([code]) => {
      living.delete(child)
      for (const { reject } of this.#asked.values()) reject(new Error(`${program} has ended`))
      return code as number | null
    })
    child.on('message', ({ id, value, error }: Message) => {
      if (id === undefined) return
      const asked = this.#asked.get(id)
      this.#asked.delete(id)
      if (error === undefined) asked?.resolve(value)
      else asked?.reject(new Error(error))
    })
  }

  get pid (): number | undefined { return this.#process.pid }
  get running (): boolean { return living.has(this.#process) }
  /** Its exit code, once it has ended; null when a signal ended it. */
  get exited (): Promise<number | null> { return this.#exited }

  /** What it says when it is ready; rejects when it ends before that. */
  async ready (): Promise<unknown> {
    return await Promise.race([
      (async () => {
        for (;;) {
          const [message] = await once(this.#process, 'message') as [Message]
          if (message.ready !== undefined) return message.ready
        }
      })(),
      this.#exited.then(code => { throw new Error(`${this.#name} ended before it was ready, exit code ${code}`) })
    ])
  }

  async ask (question: object = {}): Promise<unknown> {
    const id = this.#questions++
    return await new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      this.#process.send({ ...question, id }, error => {
        if (error === null) return
        this.#asked.delete(id)
        reject(error)
      })
    })
  }

  /** Resolves when it is gone. */
  async kill (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.running) return
    this.#process.kill(signal)
    await this.#exited
  }

  /** Stops it for `ms` milliseconds. A process of its own lets it go on, even when this one has been killed meanwhile. */
  async pause (ms: number): Promise<void> {
    const pauser = spawn('sh', ['-c', 'kill -STOP "$0" && sleep "$1"; kill -CONT "$0"', String(this.pid), String(ms / 1000)], { stdio: 'ignore' })
    await once(pauser, 'exit')
  }
}
