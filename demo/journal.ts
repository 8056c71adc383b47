import type { Health } from '../lib/index.js'

export interface Entry {
  /** Seconds since the demo began. */
  readonly at: number
  readonly text: string
}

export interface Transition {
  readonly at: number
  readonly from: Health
  readonly to: Health
  readonly reason: string
}

/** What happened, and when. */
export class Journal {
  readonly entries: Entry[] = []
  readonly #transitions = new Map<string, Transition[]>()
  readonly #began = performance.now()
  readonly #tell: (entry: Entry) => void

  /** @param tell is told of every entry as it is made */
  constructor (tell: (entry: Entry) => void) {
    this.#tell = tell
  }

  get seconds (): number {
    return (performance.now() - this.#began) / 1000
  }

  note (text: string): void {
    const entry = { at: this.seconds, text }
    this.entries.push(entry)
    this.#tell(entry)
  }

  healthChanged (name: string, from: Health, to: Health, reason: string): void {
    const transition = { at: round(this.seconds), from, to, reason }
    this.#transitions.set(name, [...this.transitions(name), transition])
    this.note(`${name} is ${to}: ${reason}`)
  }

  /** The changes of one target's health, oldest first. */
  transitions (name: string): readonly Transition[] {
    return this.#transitions.get(name) ?? []
  }
}

/** To a hundredth: more digits say nothing about a time or a share. */
export function round (number: number): number {
  return Math.round(number * 100) / 100
}
