import { Child } from './child.js'

/** Times in milliseconds. */
export interface UpstreamConfig {
  readonly name?: string
  /** Status of every answer. Default: 200. */
  readonly status?: number
  /** Shortest and longest time to an answer. Default: 4 to 16. */
  readonly takes?: readonly [number, number]
  /** Requests that are served at a time; more wait inside. Default: any number. */
  readonly capacity?: number
  /** Seconds, sent as Retry-After. Default: not sent. */
  readonly retryAfter?: number
  /**
   * Idle connections are closed after so long. Default: 120000, since one that is closed just as it is reused would be a fault
   * that nobody ordered.
   */
  readonly keepAlive?: number
  /**
   * Asked to end, it goes on serving for so long, and asks gateways to be drained meanwhile. Default: 0, as Node's `server.close()`
   * does it: idle connections are ended at once.
   */
  readonly linger?: number
  /** Share of requests that are answered with a reset, 0 to 1. Default: 0. */
  readonly resets?: number
  /** Share of requests that are never answered, 0 to 1. Default: 0. */
  readonly stalls?: number
  /** Listens and takes no connection. Default: false. */
  readonly deaf?: boolean
}

/** The process of one upstream. It comes back on the port that it had. */
export class Upstream {
  readonly #config: UpstreamConfig
  #port = 0
  #child: Child | undefined

  constructor (config: UpstreamConfig = {}) {
    this.#config = config
  }

  /** Known once it has listened. */
  get port (): number { return this.#port }
  get url (): string { return `http://127.0.0.1:${this.#port}` }

  /** Resolves once it listens. */
  async start (): Promise<void> {
    this.#child = new Child('upstream-program.js', { ...this.#config, port: this.#port })
    this.#port = Number(await this.#child.ready())
  }

  /** Requests that it has received since it started, and those of them that it has not answered yet. */
  async counts (): Promise<{ readonly seen: number, readonly inFlight: number }> {
    return await this.#running().ask() as { seen: number, inFlight: number }
  }

  /** As a crash: resolves when its listener and its connections are gone. */
  async kill (): Promise<void> { await this.#child?.kill('SIGKILL') }

  /** Asks it to end; resolves when it has finished what was in flight and is gone. */
  async retire (): Promise<void> { await this.#child?.kill('SIGTERM') }

  /** Resolves when it goes on. */
  async pause (ms: number): Promise<void> { await this.#running().pause(ms) }

  #running (): Child {
    if (this.#child === undefined) throw new Error('the upstream has not been started')
    return this.#child
  }
}
