import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { UpstreamConfig } from './scene.js'

const PROGRAM = fileURLToPath(new URL('upstream.js', import.meta.url))

/** The process of one upstream. It may be killed, and comes back on the port that it had. */
export class UpstreamProcess {
  readonly config: UpstreamConfig
  deaths = 0
  returns = 0
  #port = 0
  #child: ChildProcess | undefined

  constructor (config: UpstreamConfig) {
    this.config = config
  }

  /** Known once it has listened. */
  get url (): string { return `http://127.0.0.1:${this.#port}` }

  /** Resolves once it listens; rejects when the process ends before that. */
  async start (): Promise<void> {
    const { name, takes } = this.config
    const child = fork(PROGRAM, [name, String(this.#port), ...takes.map(String)], {
      execArgv: [],
      // stdout is for the view or the summary.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc']
    })
    this.#child = child
    this.#port = await new Promise<number>((resolve, reject) => {
      child.once('message', port => { resolve(Number(port)) })
      child.once('error', reject)
      child.once('exit', (code, signal) => { reject(new Error(`${name} ended before it listened: ${signal ?? `exit code ${code}`}`)) })
    })
  }

  /** Without a warning: its listener and its connections go as in a crash. Resolves when it is gone. */
  async kill (): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
}
