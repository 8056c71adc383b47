import type { Clock } from '../../lib/clock.js'

/** A clock that stands still until it is told to move, with dice that give the same throws for the same seed. */
export class VirtualClock implements Clock {
  #now = 0
  #seed: number
  #timers = new Map<number, { at: number, fn: () => void }>()
  #nextTimer = 0

  constructor (seed = 1) {
    this.#seed = seed
  }

  now (): number {
    return this.#now
  }

  wall (): number {
    return this.#now
  }

  /** mulberry32 (Tommy Ettinger, public domain). */
  random (): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  after (ms: number, fn: () => void): () => void {
    const id = this.#nextTimer++
    this.#timers.set(id, { at: this.#now + ms, fn })
    return () => { this.#timers.delete(id) }
  }

  /** How many timers are running: 0 when everything has been cleaned up. */
  get pending (): number {
    return this.#timers.size
  }

  /** Moves on by `ms`, running what falls due in order and letting promises settle in between. */
  async advance (ms: number): Promise<void> {
    const end = this.#now + ms
    await settled()
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0]
      if (due === undefined) break
      const [id, timer] = due
      this.#timers.delete(id)
      this.#now = timer.at
      timer.fn()
      await settled()
    }
    this.#now = end
  }
}

/** Lets every promise that is ready settle, and those that follow from it. */
async function settled (): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(resolve => { setImmediate(resolve) })
}
