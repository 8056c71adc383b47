import type { Test } from 'tap'
import type { Gateway } from '../kit/index.js'

/** Requests at a steady rate, sent whether or not the ones before have been answered. */
export class Traffic {
  sent = 0
  readonly failures: string[] = []
  readonly #under = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  readonly #began = performance.now()

  constructor (t: Test, { request }: Gateway, perSecond: number) {
    const ask = async (method: 'GET' | 'POST'): Promise<void> => {
      try {
        const { statusCode, body } = await request('/', method === 'GET' ? {} : { method, body: 'x', headers: { 'content-type': 'text/plain', 'idempotency-key': String(this.sent) } })
        const text = await body.text()
        if (statusCode !== 200) this.failures.push(`${method} ${statusCode} ${text}`)
      } catch (error) {
        this.failures.push(`${method} ${String(error)}`)
      }
    }
    // A timer that comes late catches up.
    this.#timer = setInterval(() => {
      for (let due = Math.floor((performance.now() - this.#began) * perSecond / 1000); this.sent < due; this.sent++) {
        const asked = ask(this.sent % 5 === 4 ? 'POST' : 'GET')
        this.#under.add(asked)
        void asked.finally(() => { this.#under.delete(asked) })
      }
    }, 5)
    t.teardown(() => { clearInterval(this.#timer) })
  }

  /** Resolves when everything has been answered. */
  async stop (): Promise<{ readonly perSecond: number }> {
    clearInterval(this.#timer)
    const seconds = (performance.now() - this.#began) / 1000
    await Promise.all(this.#under)
    return { perSecond: Math.round(this.sent / seconds) }
  }
}
