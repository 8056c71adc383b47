/** What the tests of discovery share: sources that are told what to say. */
import type { Discovery, DiscoveredTarget } from '../../lib/discovery.js'

export type List = ReadonlyArray<string | DiscoveredTarget>

export interface Told {
  readonly source: Discovery
  /** Yields the list, or throws the error, when it is asked for. */
  readonly say: (what: unknown) => void
  /** Lets the source return. */
  readonly end: () => void
  /** How often it was begun. */
  readonly begun: () => number
  /** Of the latest begin. */
  readonly signal: () => AbortSignal | undefined
}

const END = Symbol('end')

/** A source that yields what it is told and hangs otherwise, whatever its signal says. */
export function told (...first: readonly unknown[]): Told {
  const words: unknown[] = [...first]
  let wake = (): void => {}
  let begun = 0
  let signal: AbortSignal | undefined
  const say = (what: unknown): void => {
    words.push(what)
    wake()
  }
  return {
    source: async function * (its) {
      begun++
      signal = its
      for (;;) {
        while (words.length === 0) await new Promise<void>(resolve => { wake = resolve })
        const word = words.shift()
        if (word === END) return
        if (word instanceof Error || typeof word === 'string') throw word
        yield word as List
      }
    },
    say,
    end: () => { say(END) },
    begun: () => begun,
    signal: () => signal
  }
}
