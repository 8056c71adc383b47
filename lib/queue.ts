import type { Clock } from './clock.js'

export interface QueueSettings {
  /** How many may wait; with 0 nobody does. */
  readonly size: number
  /** How long each may wait, in milliseconds; 0 is for ever. */
  readonly timeout: number
  /**
   * Who goes first among those of the same importance. `oldest` is fair. With `newest` some are still served in time when
   * there is more to do than can be done, where otherwise everybody would wait for almost as long as the timeout.
   */
  readonly order: 'oldest' | 'newest'
}

/** Somebody who waits. An object waits in one place at a time. */
export interface Waiting {
  /** A finite number; the higher ones go first. */
  readonly importance: number
  /** It is its turn. */
  proceed (): void
  /** There will be no turn. May enter the queue again, or make others leave it. */
  refuse (reason: 'full' | 'timeout'): void
}

/**
 * A bounded waiting line. It does not know what is waited for: whoever does calls `next` when there is room.
 *
 * There are as many lines as importances are waiting, each in order of arrival, so that nothing takes longer than a look at
 * each line. All have the same timeout: the first one of some line is the next to expire, and one timer is enough for all.
 */
export class Queue {
  readonly #clock: Clock
  #settings: QueueSettings
  /** The most important first; none is empty. */
  readonly #lines: Line[] = []
  readonly #places = new Map<Waiting, Place>()
  /** Stops the timer, which is there only while somebody waits. */
  #cancel: (() => void) | undefined

  constructor (clock: Clock, settings: QueueSettings) {
    this.#clock = clock
    this.#settings = settings
  }

  get length (): number { return this.#places.size }

  /** Other settings, also for those who wait. Nobody is sent away for a line that has become shorter. */
  reconfigure (settings: QueueSettings): void {
    const later = settings.timeout - this.#settings.timeout
    this.#settings = settings
    for (const place of this.#places.values()) place.expires += later
    this.#stop()
    this.#watch()
  }

  /** Waits, or is refused at once. Takes the place of somebody less important when there is no other. */
  enter (waiting: Waiting): void {
    if (this.length >= this.#settings.size) {
      const least = this.#lines.at(-1)
      if (least === undefined || !(waiting.importance > least.importance)) {
        waiting.refuse('full')
        return
      }
      const { waiting: evicted } = this.#settings.order === 'oldest' ? least.last : least.first
      this.leave(evicted)
      this.#add(waiting)
      evicted.refuse('full')
    } else {
      this.#add(waiting)
    }
  }

  /** Waits no longer, without being told. False for somebody who was not waiting. */
  leave (waiting: Waiting): boolean {
    const place = this.#places.get(waiting)
    if (place === undefined) return false
    this.#places.delete(waiting)
    if (!place.line.remove(place)) this.#lines.splice(this.#lines.indexOf(place.line), 1)
    if (this.length === 0) this.#stop()
    return true
  }

  /** Takes out the one whose turn it is, for the caller to call `proceed` on. */
  next (): Waiting | undefined {
    const [line] = this.#lines
    if (line === undefined) return undefined
    const { waiting } = this.#settings.order === 'oldest' ? line.first : line.last
    this.leave(waiting)
    return waiting
  }

  /** Forgets everybody, and tells nobody. */
  clear (): void {
    this.#lines.length = 0
    this.#places.clear()
    this.#stop()
  }

  #add (waiting: Waiting): void {
    const { importance } = waiting
    const expires = this.#clock.now() + this.#settings.timeout
    const at = this.#lines.findIndex(line => line.importance <= importance)
    const line = this.#lines[at]
    if (line?.importance === importance) {
      this.#places.set(waiting, line.append(waiting, expires))
    } else {
      const made = new Line(waiting, expires)
      this.#lines.splice(at === -1 ? this.#lines.length : at, 0, made)
      this.#places.set(waiting, made.first)
    }
    this.#watch()
  }

  /**
   * Sets the timer for the one who has waited for the longest. Whoever leaves does not set it anew: a timer that finds
   * nobody to refuse costs less, once per timeout, than a new one for each that is served.
   */
  #watch (): void {
    if (this.#settings.timeout === 0 || this.#cancel !== undefined) return
    const oldest = this.#oldest()
    if (oldest !== undefined) this.#cancel = this.#clock.after(oldest.expires - this.#clock.now(), () => { this.#expire() })
  }

  #expire (): void {
    this.#cancel = undefined
    const now = this.#clock.now()
    for (let place = this.#oldest(); place !== undefined && place.expires <= now; place = this.#oldest()) {
      this.leave(place.waiting)
      place.waiting.refuse('timeout')
    }
    this.#watch()
  }

  #oldest (): Place | undefined {
    let oldest: Place | undefined
    for (const { first } of this.#lines) if (oldest === undefined || first.expires < oldest.expires) oldest = first
    return oldest
  }

  #stop (): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}

interface Place {
  readonly waiting: Waiting
  readonly line: Line
  /** On the clock of the queue. */
  expires: number
  before: Place | undefined
  after: Place | undefined
}

/** Those of one importance, in order of arrival. Begins with one; when the last one has left it is of no more use. */
class Line {
  readonly importance: number
  first: Place
  last: Place

  constructor (waiting: Waiting, expires: number) {
    this.importance = waiting.importance
    this.first = this.last = { waiting, line: this, expires, before: undefined, after: undefined }
  }

  append (waiting: Waiting, expires: number): Place {
    const place = { waiting, line: this, expires, before: this.last, after: undefined }
    this.last.after = place
    this.last = place
    return place
  }

  /** @returns whether anybody is left */
  remove (place: Place): boolean {
    const { before, after } = place
    if (before !== undefined) before.after = after
    if (after !== undefined) after.before = before
    if (this.first === place) this.first = after ?? place
    if (this.last === place) this.last = before ?? place
    return before !== undefined || after !== undefined
  }
}
