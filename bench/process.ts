import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Those that run. A crash of this process must not leave them behind. Asked, so that a keeper ends what it keeps. */
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGTERM')
})

/** A command, and what is before it in `prefix`, such as the pin to a core. */
export interface Command {
  readonly prefix: readonly string[]
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Whether it talks to us as a child of Node does. Default: true. */
  readonly talks?: boolean
}

/** Characters of what it has said that are kept, for when something goes wrong. */
const LAST_WORDS = 500

interface Message {
  readonly ready?: unknown
  readonly id?: number
  readonly value?: unknown
}

/** One process of a benchmark. */
export class Process {
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  readonly #name: string
  #output = ''
  #complaint = ''
  #questions = 0

  constructor ({ prefix, command, args, env, talks = true }: Command) {
    this.#name = command
    const [first = command, ...rest] = [...prefix, command, ...args]
    const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe', ...talks ? ['ipc' as const] : []], env: env ?? process.env })
    this.#child = child
    living.add(child)
    this.#exited = new Promise((resolve, reject) => {
      child.once('error', error => {
        living.delete(child)
        reject(new Error(`${command}: ${error.message}`))
      })
      // Not 'exit': what it has said last is to be read first.
      child.once('close', code => {
        living.delete(child)
        resolve(code)
      })
    })
    // Whoever waits for it is told; nobody has to.
    this.#exited.catch(() => {})
    child.stdout?.on('data', data => { this.#output += data })
    child.stderr?.on('data', data => { this.#complaint = `${this.#complaint}${data}`.slice(-LAST_WORDS) })
  }

  get pid (): number { return this.#child.pid ?? 0 }
  get complaint (): string { return this.#complaint.trim() }

  /** What it says when it is ready; rejects when it ends before that. */
  async ready (): Promise<unknown> {
    return await Promise.race([
      this.#message(message => message.ready !== undefined).then(({ ready }) => ready),
      this.#early()
    ])
  }

  async ask (question: object = {}): Promise<unknown> {
    const id = this.#questions++
    const answer = this.#message(message => message.id === id)
    this.#child.send({ ...question, id })
    return (await Promise.race([answer, this.#early()])).value
  }

  /** All that it has written, once it has ended well. */
  async output (): Promise<string> {
    const code = await this.#exited
    if (code !== 0) throw new Error(`${this.#name} ended with ${code}: ${this.complaint}`)
    return this.#output
  }

  /** Resolves when it is gone. */
  async end (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (!living.has(this.#child)) return
    this.#child.kill(signal)
    await this.#exited
  }

  async #message (wanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const [message] = await once(this.#child, 'message') as [Message]
      if (wanted(message)) return message
    }
  }

  async #early (): Promise<never> {
    const code = await this.#exited
    throw new Error(`${this.#name} has ended with ${code}: ${this.complaint}`)
  }
}
