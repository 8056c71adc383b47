import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'

/** Requests that are under way at a time. */
const LANES = 64

/** Every so many requests is a POST. */
const POST_EVERY = 5

/** The longest that a client waits that is about to leave, ms. */
const LONGEST_STAY = 6

export interface MixedLoadOptions {
  /** Requests per second at most. Default: as many as the gateway takes. */
  readonly rate?: number | undefined
  /** Share of requests whose client leaves before the answer is there, 0 to 1. */
  readonly aborts: number
}

/** As many requests as the gateway takes from a fixed number of clients, some of whom leave early. */
export class MixedLoad {
  /** What came of all requests so far: a status, `aborted`, or the code of an error. */
  readonly outcomes: Record<string, number> = {}
  readonly #pool: Pool
  readonly #options: MixedLoadOptions

  constructor (url: string, options: MixedLoadOptions) {
    this.#pool = new Pool(url, { connections: LANES })
    this.#options = options
  }

  /** Resolves when `count` more requests are over. */
  async run (count: number): Promise<void> {
    const { rate } = this.#options
    const began = performance.now()
    let begun = 0
    await Promise.all(Array.from({ length: LANES }, async () => {
      while (begun < count) {
        const number = begun++
        const early = rate === undefined ? 0 : began + number * 1000 / rate - performance.now()
        if (early > 0) await sleep(early)
        const outcome = await this.#request(number)
        this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1
      }
    }))
  }

  async end (): Promise<void> { await this.#pool.destroy() }

  async #request (number: number): Promise<string> {
    const leaving = Math.random() < this.#options.aborts ? new AbortController() : undefined
    const timer = leaving && setTimeout(() => { leaving.abort() }, Math.random() * LONGEST_STAY)
    const post = number % POST_EVERY === 0
    try {
      const { statusCode, body } = await this.#pool.request({
        path: `/${number}`, method: post ? 'POST' : 'GET', body: post ? `request ${number}` : null, signal: leaving?.signal ?? null
      })
      await body.dump()
      return String(statusCode)
    } catch (error) {
      return leaving?.signal.aborted === true ? 'aborted' : (error as NodeJS.ErrnoException).code ?? (error as Error).message
    } finally {
      clearTimeout(timer)
    }
  }
}
