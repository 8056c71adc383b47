import { validateHeaderName, validateHeaderValue } from 'node:http'
import { channels } from './diagnostics.js'
import type { AttemptStart, ExchangeEnd } from './events.js'
import { BadOptionError, show } from './errors.js'
import { isObserver, OBSERVER, type Observer } from './observer.js'
import type { Health, Outcome } from './outcome.js'
import type { Target } from './target.js'

type Listening<Event extends keyof Observer> = Observer & Required<Pick<Observer, Event>>

/** Everybody who is told what happens in one pool: its observers, and whoever listens to the diagnostics channels. */
export class Observers {
  readonly #pool: string
  readonly #failed: (error: unknown) => void
  /** Those of the pool's options. */
  #given: readonly Observer[]
  /** Those that came later. */
  #added: readonly Observer[] = []
  #all: readonly Observer[] = []
  #attempted: ReadonlyArray<Listening<'attempted'>> = []
  #settled: ReadonlyArray<Listening<'settled'>> = []
  #ended: ReadonlyArray<Listening<'ended'>> = []
  #wantAttempts = false

  /** @param failed told what an observer throws */
  constructor (pool: string, observers: readonly Observer[], failed: (error: unknown) => void) {
    this.#pool = pool
    this.#failed = failed
    this.#given = observers
    this.#set()
  }

  /** Others in the place of those that were given. Those that were added stay. */
  reconfigure (observers: readonly Observer[]): void {
    if (observers === this.#given) return
    this.#given = observers
    this.#set()
  }

  /**
   * @returns takes it out again, as often as it was added
   * @throws BadOptionError
   */
  add (observer: Observer): () => void {
    if (!isObserver(observer)) throw BadOptionError(`observer: ${show(observer)}, must be ${OBSERVER}`)
    this.#added = [...this.#added, observer]
    this.#set()
    let there = true
    return () => {
      const at = this.#added.indexOf(observer)
      if (!there || at < 0) return
      there = false
      this.#added = this.#added.toSpliced(at, 1)
      this.#set()
    }
  }

  #set (): void {
    const observers = [...this.#given, ...this.#added]
    this.#all = observers
    this.#attempted = observers.filter((observer): observer is Listening<'attempted'> => typeof observer.attempted === 'function')
    this.#settled = observers.filter((observer): observer is Listening<'settled'> => typeof observer.settled === 'function')
    this.#ended = observers.filter((observer): observer is Listening<'ended'> => typeof observer.ended === 'function')
    this.#wantAttempts = this.#attempted.length > 0 || this.#settled.length > 0
  }

  /** Whether anybody is to be told of an attempt that begins now. */
  get wantAttempts (): boolean {
    return this.#wantAttempts || channels.attemptStart.hasSubscribers || channels.attemptEnd.hasSubscribers
  }

  /** Whether anybody is to be told of a request that ends now. */
  get wantEnds (): boolean { return this.#ended.length > 0 || channels.exchangeEnd.hasSubscribers }

  /** @returns header fields to set, names in lower case; undefined for none */
  attempted (target: Target, attempt: AttemptStart): Record<string, string> | undefined {
    let fields: Record<string, string> | undefined
    for (const observer of this.#attempted) {
      try {
        const own = observer.attempted(target, attempt)
        if (own instanceof Promise) this.#watch(own)
        else if (own !== undefined) fields = { ...fields, ...checked(own) }
      } catch (error) {
        this.#failed(error)
      }
    }
    if (channels.attemptStart.hasSubscribers) channels.attemptStart.publish({ target, attempt })
    return fields
  }

  settled (target: Target, outcome: Outcome, attempt: AttemptStart): void {
    for (const observer of this.#settled) {
      try {
        this.#watch(observer.settled(target, outcome, attempt))
      } catch (error) {
        this.#failed(error)
      }
    }
    if (channels.attemptEnd.hasSubscribers) channels.attemptEnd.publish({ target, outcome, attempt })
  }

  healthChanged (target: Target, was: Health, reason: string): void {
    this.#tell(observer => observer.healthChanged?.(target, was, reason))
    if (channels.health.hasSubscribers) channels.health.publish({ pool: this.#pool, target, was, health: target.health, reason })
  }

  ended (exchange: ExchangeEnd): void {
    for (const observer of this.#ended) {
      try {
        this.#watch(observer.ended(exchange))
      } catch (error) {
        this.#failed(error)
      }
    }
    if (channels.exchangeEnd.hasSubscribers) channels.exchangeEnd.publish(exchange)
  }

  membership (target: Target, change: 'joined' | 'left'): void {
    this.#tell(observer => change === 'joined' ? observer.joined?.(target, this.#pool) : observer.left?.(target, this.#pool))
    if (channels.membership.hasSubscribers) channels.membership.publish({ pool: this.#pool, target, change })
  }

  discoveryChanged (failure: string | undefined): void {
    this.#tell(observer => observer.discoveryChanged?.(this.#pool, failure))
  }

  /** Of what happens so rarely that nothing has to be known beforehand. */
  #tell (call: (observer: Observer) => unknown): void {
    for (const observer of this.#all) {
      try {
        this.#watch(call(observer))
      } catch (error) {
        this.#failed(error)
      }
    }
  }

  /** Nobody waits for an observer that is asynchronous, but it must not bring the process down either. */
  #watch (told: unknown): void {
    if (told instanceof Promise) told.catch(this.#failed)
  }
}

/** What undici would turn down is the observer's mistake, and no reason to fail a request. */
function checked (fields: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (typeof fields !== 'object') throw BadOptionError(`observers: attempted returned ${show(fields)}, must return header fields or nothing`)
  for (const [name, value] of Object.entries(fields)) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  }
  return fields
}
