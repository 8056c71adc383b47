import { randomUUID } from 'node:crypto'
import { Pool } from 'undici'
import { SCENE, type PoolConfig } from './scene.js'

/** Every so many requests is a POST. */
const POST_EVERY = 4

/** How long the last requests may take once the load is stopped, ms. */
const GRACE = 1000

/** A steady stream of GET and POST requests to the gateway, as many per second as the scene says. */
export class Load {
  sent = 0
  failed = 0
  readonly #client: Pool
  readonly #onFailure: (reason: string) => void
  readonly #underWay = new Set<Promise<void>>()
  #timers: NodeJS.Timeout[] = []

  constructor (url: string, onFailure: (reason: string) => void) {
    this.#client = new Pool(url)
    this.#onFailure = onFailure
  }

  start (): void {
    this.#timers = SCENE.map(pool => setInterval(() => { this.#send(pool) }, 1000 / pool.rate))
  }

  /** Sends nothing more and waits for the answers that are due. */
  async stop (): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    const late = setTimeout(() => { void this.#client.destroy() }, GRACE)
    await Promise.all(this.#underWay)
    clearTimeout(late)
    await this.#client.destroy()
  }

  #send (pool: PoolConfig): void {
    const number = ++this.sent
    const request = this.#request(pool, number).catch((error: Error) => {
      this.failed++
      this.#onFailure(`request ${number} failed: ${error.message}`)
    })
    this.#underWay.add(request)
    void request.then(() => { this.#underWay.delete(request) })
  }

  async #request ({ prefix }: PoolConfig, number: number): Promise<void> {
    const { statusCode, body } = await this.#client.request(number % POST_EVERY === 0
      ? {
          method: 'POST',
          path: prefix,
          // The key says that a repeat does no harm: without it a POST that a target took down with it has to fail.
          headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
          body: JSON.stringify({ number })
        }
      : { method: 'GET', path: `${prefix}/${number}` })
    await body.dump()
    if (statusCode !== 200) throw new Error(`status ${statusCode}`)
  }
}
