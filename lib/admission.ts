import type { Clock } from './clock.js'
import { poolCounters, type PoolCounters } from './counters.js'
import { QueueFullError, QueueTimeoutError, TooManyStreamsError } from './errors.js'
import { Queue, type QueueSettings } from './queue.js'

/** How much may be under way in a pool at once; 0 is no limit. */
export interface AdmissionSettings {
  /** Requests that are not streams. */
  readonly inFlight: number
  /** Server-sent events and WebSockets, which may last for hours and would leave no room for anything else. */
  readonly streams: number
  readonly queue: QueueSettings
}

/** Who asks to be let in. */
export interface Entrant {
  /** Higher goes first. */
  readonly importance: number
  /** There is room: called once, at once or later. */
  admitted (): void
  /** There is none. Called once, in place of `admitted`. */
  turnedAway (error: Error): void
}

/**
 * The door of a pool: lets requests in while there is room, lets others wait in line for a while, and turns the rest away at
 * once, which is kinder to everyone than an answer that comes too late.
 *
 * Streams are counted apart, and one that has no room is not made to wait: a place might not come free for hours.
 */
export class Admission {
  #settings: AdmissionSettings
  readonly #queue: Queue
  /** Whether any target can take one more. */
  readonly #hasRoom: () => boolean
  readonly #counters: PoolCounters
  readonly #waiting = new Map<Entrant, Waiting>()
  #inFlight = 0
  #streams = 0
  #scheduled = false

  constructor (clock: Clock, settings: AdmissionSettings, hasRoom: () => boolean, counters = poolCounters()) {
    this.#settings = settings
    this.#queue = new Queue(clock, settings.queue)
    this.#hasRoom = hasRoom
    this.#counters = counters
  }

  /** Requests let in that have not ended, without streams. */
  get inFlight (): number { return this.#inFlight }

  get streams (): number { return this.#streams }

  /** How many wait in line. */
  get waiting (): number { return this.#queue.length }

  /** Other limits. What is under way stays. */
  reconfigure (settings: AdmissionSettings): void {
    this.#settings = settings
    this.#queue.reconfigure(settings.queue)
    this.recheck()
  }

  /** Asks for a place that is given back with `leave`. */
  enter (entrant: Entrant, stream: boolean): void {
    const { streams } = this.#settings
    if (stream) {
      if (streams > 0 && this.#streams >= streams) {
        this.#counters.tooManyStreams++
        entrant.turnedAway(TooManyStreamsError())
        return
      }
      this.#streams++
      entrant.admitted()
    } else if (this.#queue.length === 0 && this.#mayEnter()) {
      this.#inFlight++
      entrant.admitted()
    } else {
      const waiting = new Waiting(entrant, this.#waiting, this.#counters)
      this.#waiting.set(entrant, waiting)
      this.#queue.enter(waiting)
      // Not those that were refused at once.
      if (this.#waiting.has(entrant)) this.#counters.queued++
    }
  }

  /** Whoever waits in line has gone. */
  giveUp (entrant: Entrant): void {
    const waiting = this.#waiting.get(entrant)
    if (waiting === undefined) return
    this.#waiting.delete(entrant)
    this.#queue.leave(waiting)
  }

  /** Gives a place back. */
  leave (stream: boolean): void {
    if (stream) this.#streams--
    else this.#inFlight--
    this.recheck()
  }

  /**
   * A request has turned out to be a stream. It is let go on even where streams are too many: its answer is there.
   *
   * @param expected whether it was let in as one; its target counted it as a request until now, and has room again
   */
  becomesStream (expected: boolean): void {
    if (expected) {
      this.recheck()
      return
    }
    this.#streams++
    this.leave(false)
  }

  /** There may be room now. Those in line go on in a task of their own: this may be called from within a connection's callback. */
  recheck (): void {
    if (this.#scheduled || this.#queue.length === 0) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#letIn()
    })
  }

  /** Turns away everyone in line. */
  close (error: () => Error): void {
    const left = [...this.#waiting.keys()]
    this.#waiting.clear()
    this.#queue.clear()
    for (const entrant of left) entrant.turnedAway(error())
  }

  #letIn (): void {
    while (this.#queue.length > 0 && this.#mayEnter()) {
      this.#inFlight++
      this.#queue.next()?.proceed()
    }
  }

  #mayEnter (): boolean {
    const { inFlight } = this.#settings
    return (inFlight === 0 || this.#inFlight < inFlight) && this.#hasRoom()
  }
}

/** An entrant in line. */
class Waiting {
  readonly importance: number
  readonly #entrant: Entrant
  readonly #all: Map<Entrant, Waiting>
  readonly #counters: PoolCounters

  constructor (entrant: Entrant, all: Map<Entrant, Waiting>, counters: PoolCounters) {
    this.#counters = counters
    this.importance = entrant.importance
    this.#entrant = entrant
    this.#all = all
  }

  proceed (): void {
    this.#all.delete(this.#entrant)
    this.#entrant.admitted()
  }

  refuse (reason: 'full' | 'timeout'): void {
    this.#all.delete(this.#entrant)
    if (reason === 'full') this.#counters.queueFull++
    else this.#counters.queueTimeout++
    this.#entrant.turnedAway(reason === 'full' ? QueueFullError() : QueueTimeoutError())
  }
}
