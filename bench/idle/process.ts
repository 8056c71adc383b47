/** Programs of this folder in processes of their own, which end with this one. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Usage {
  /** Microseconds of processor time since the process began. */
  readonly cpu: number
  /** Bytes after a collection; only of a process that may collect. */
  readonly rss: number
  readonly held: number
  /** Of `rss`, what V8 keeps for new objects, filled or not. */
  readonly young: number
}

/** One program that listens on a port. */
export class Program {
  readonly port: number
  readonly #child: ChildProcess

  private constructor (child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  static async start (file: string, argument: object, nodeOptions: readonly string[]): Promise<Program> {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(argument)], {
      execArgv: [...nodeOptions], stdio: ['ignore', 'inherit', 'inherit', 'ipc']
    })
    const ended = once(child, 'exit').then(([code]) => { throw new Error(`${file} ended with ${code}`) })
    const [{ port }] = await Promise.race([once(child, 'message'), ended]) as [{ port: number }]
    ended.catch(() => {})
    return new Program(child, port)
  }

  async usage (): Promise<Usage> {
    return await this.#ask('usage')
  }

  /** The first of the figures alone, without a collection, which would be part of the next one. */
  async cpu (): Promise<number> {
    return (await this.#ask('cpu')).cpu
  }

  async #ask (what: string): Promise<Usage> {
    const told = once(this.#child, 'message')
    this.#child.send(what)
    const [usage] = await told as [Usage]
    return usage
  }

  async stop (): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }
}

export async function startUpstream (): Promise<Program> {
  return await Program.start('upstream-program.js', {}, [])
}

export interface GatewayOptions {
  /** URL of the package's main module. */
  readonly index: string
  /** Each is what the plugin is registered with; undefined is a Fastify that answers by itself. */
  readonly registrations: readonly object[] | undefined
  /** Whether it collects before it says what it holds. */
  readonly collects: boolean
}

export async function startGateway ({ index, registrations, collects }: GatewayOptions): Promise<Program> {
  return await Program.start('gateway-program.js', { index, registrations }, [
    ...(index.endsWith('.ts') && registrations !== undefined ? ['--import=tsx'] : []), ...(collects ? ['--expose-gc'] : [])
  ])
}

/** Runs `use`, and stops all that it has started, whatever happens. */
export async function withPrograms<T> (use: (keep: (program: Promise<Program>) => Promise<Program>) => Promise<T>): Promise<T> {
  const kept: Program[] = []
  try {
    return await use(async starting => {
      const program = await starting
      kept.push(program)
      return program
    })
  } finally {
    await Promise.all(kept.map(async program => { await program.stop() }))
  }
}
