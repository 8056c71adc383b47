import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type Answer } from './client.js'

export interface LoadPlan {
  /** Requests per second. */
  readonly rate: number
  readonly count: number
  /** Share of requests that are POST, 0 to 1. Default: 0. */
  readonly posts?: number
  /** POST requests say with a key that they may be repeated. Default: false. */
  readonly keyed?: boolean
  /** Milliseconds after which the client leaves. Default: never. */
  readonly patience?: number
  /** The client opens no connection any more once it has been told to close, or has been refused. Default: false. */
  readonly polite?: boolean
}

/**
 * Requests that start on schedule, whatever becomes of those before them. Their times count from the schedule: a gateway that
 * stands still for a second is late for everybody who was due in that second, and not only for those that it already had.
 */
export class Load {
  /** Every request that was due, once it is over. Never rejects. */
  readonly answers: Promise<readonly Answer[]>
  #sent = 0
  #stopped = false
  readonly #milestones: Array<{ readonly count: number, readonly reached: () => void }> = []

  constructor (url: string, plan: LoadPlan) {
    this.answers = this.#run(new Client(url, plan.polite), plan)
  }

  get sent (): number { return this.#sent }

  /** Resolves when `count` requests have been sent, or all that will be. */
  async reaches (count: number): Promise<void> {
    if (this.#sent >= count || this.#stopped) return
    await new Promise<void>(resolve => { this.#milestones.push({ count, reached: resolve }) })
  }

  /** Sends no more. */
  stop (): void { this.#stopped = true }

  async #run (client: Client, { rate, count, posts = 0, keyed = false, patience }: LoadPlan): Promise<readonly Answer[]> {
    const answers: Array<Promise<Answer>> = []
    const began = performance.now()
    while (this.#sent < count && !this.#stopped) {
      const due = Math.min(count, Math.floor((performance.now() - began) * rate / 1000) + 1)
      for (; this.#sent < due; this.#sent++) {
        const number = this.#sent
        // Spread evenly: the count goes up by one with every POST.
        const method = Math.floor((number + 1) * posts) > Math.floor(number * posts) ? 'POST' : 'GET'
        answers.push(client.request({ number, method, keyed: keyed && method === 'POST', due: began + number * 1000 / rate, patience }))
      }
      this.#tell()
      await sleep(1)
    }
    this.#stopped = true
    this.#tell()
    const all = await Promise.all(answers)
    await client.end()
    return all
  }

  #tell (): void {
    for (const { count, reached } of this.#milestones) {
      if (this.#sent >= count || this.#stopped) reached()
    }
  }
}
