import { jittered, noTimer, type Clock } from './clock.js'
import { listedTargets, type Discovery, type ListedTarget } from './discovery.js'
import { show } from './errors.js'
import { LONGEST_TIMER } from './option-types.js'

export interface DiscovererSettings {
  readonly source: Discovery
  /** Milliseconds that a start waits for the first list. */
  readonly timeout: number
  readonly clock: Clock
  /** Told of every good list. */
  onList (list: readonly ListedTarget[]): void
  /** Told of each change: why it fails, or undefined when it works again. */
  onChange (failure: string | undefined): void
}

/** How the discovery of a pool is doing: a copy. Times are in milliseconds since 1970. */
export interface DiscoveryState {
  /** When the last good list came; undefined before the first. */
  readonly listedAt: number | undefined
  /** How many targets that list has. */
  readonly listed: number | undefined
  /** Why it fails; undefined while all is well. */
  readonly failure: string | undefined
  /** Since when it has failed for this reason. */
  readonly failedAt: number | undefined
}

/** Milliseconds before a source that has failed is asked again: at first, and at the most. They double in between. */
const FIRST_BACKOFF = 1000
const LONGEST_BACKOFF = 30_000

/** Share by which they vary either way, so that many gateways do not ask in step. */
const JITTER = 0.2

/**
 * Asks a source of discovery for as long as it runs. What fails, or makes no sense, changes nothing but what is said of it.
 *
 * Nothing here waits for a source: one that hangs, or does not heed its signal, is left behind.
 */
export class Discoverer {
  readonly #settings: DiscovererSettings
  /** Those who wait for the first list. */
  readonly #waiting = new Set<() => void>()
  /** Of the source that is being asked; undefined when it is not running. */
  #run: AbortController | undefined
  #cancel = noTimer
  /** In a row. */
  #failures = 0
  /** The source has returned: there is nothing more to wait for. */
  #over = false
  #listedAt: number | undefined
  #listed: number | undefined
  #failure: string | undefined
  #failedAt: number | undefined

  constructor (settings: DiscovererSettings) {
    this.#settings = settings
  }

  get state (): DiscoveryState {
    return { listedAt: this.#listedAt, listed: this.#listed, failure: this.#failure, failedAt: this.#failedAt }
  }

  /** @returns settles with the first list, or when the time for it is over; false when it was stopped before */
  async start (): Promise<boolean> {
    if (this.#run === undefined) this.#ask()
    await this.#firstList()
    return this.#run !== undefined
  }

  stop (): void {
    this.#cancel()
    this.#cancel = noTimer
    this.#run?.abort(new Error('discovery has been stopped'))
    this.#run = undefined
    this.#over = false
    this.#wake()
  }

  async #firstList (): Promise<void> {
    const { clock, timeout } = this.#settings
    if (this.#listedAt !== undefined || this.#over || timeout === 0) return
    await new Promise<void>(resolve => {
      const wake = (): void => {
        cancel()
        this.#waiting.delete(wake)
        resolve()
      }
      const cancel = clock.after(timeout, wake)
      this.#waiting.add(wake)
    })
  }

  #wake (): void {
    for (const wake of [...this.#waiting]) wake()
  }

  #ask (): void {
    const run = new AbortController()
    this.#run = run
    try {
      const iterator = iteratorOf(this.#settings.source(run.signal))
      run.signal.addEventListener('abort', () => { leave(iterator) }, { once: true })
      this.#next(iterator, run)
    } catch (error) {
      this.#failed(error)
    }
  }

  #next (iterator: AsyncIterator<unknown>, run: AbortController): void {
    iterator.next().then(
      result => {
        if (run !== this.#run) return
        if (result.done === true) {
          this.#ended()
        } else {
          this.#heard(result.value)
          // Whoever was told of the list may have ended it all.
          if (run === this.#run) this.#next(iterator, run)
        }
      }
    ).catch((error: unknown) => { if (run === this.#run) this.#failed(error) })
  }

  #heard (value: unknown): void {
    let list: ListedTarget[]
    try {
      list = listedTargets(value)
    } catch (error) {
      this.#report(reasonOf(error))
      return
    }
    this.#failures = 0
    this.#report(undefined)
    this.#listedAt = this.#settings.clock.wall()
    this.#listed = list.length
    this.#settings.onList(list)
    this.#wake()
  }

  #ended (): void {
    this.#over = true
    if (this.#listedAt === undefined && this.#failure === undefined) this.#report('it ended without a list')
    this.#wake()
  }

  #failed (error: unknown): void {
    const { clock } = this.#settings
    const { retryAfter } = (error ?? {}) as { retryAfter?: unknown }
    const backoff = jittered(clock, Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** this.#failures), JITTER)
    const wait = typeof retryAfter === 'number' && retryAfter >= 0 ? Math.min(retryAfter, LONGEST_TIMER) : Math.min(backoff, LONGEST_BACKOFF)
    this.#failures++
    // It may have left something behind that goes by its signal.
    this.#run?.abort(error)
    this.#report(reasonOf(error))
    if (this.#run !== undefined) this.#cancel = clock.after(wait, () => { this.#ask() })
  }

  /** Once for each change. */
  #report (failure: string | undefined): void {
    if (failure === this.#failure) return
    this.#failure = failure
    this.#failedAt = failure === undefined ? undefined : this.#settings.clock.wall()
    this.#settings.onChange(failure)
  }
}

function iteratorOf (lists: unknown): AsyncIterator<unknown> {
  const iterate = (lists as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator]
  if (typeof iterate !== 'function') throw new TypeError(`discovery returned ${show(lists)}, must be an async iterable of lists`)
  return iterate.call(lists as AsyncIterable<unknown>)
}

/** A generator that waits for something answers only when that has come, and nobody minds what it says then. */
function leave (iterator: AsyncIterator<unknown>): void {
  try {
    iterator.return?.()?.then(undefined, () => {})
  } catch {
    // Not even that.
  }
}

function reasonOf (error: unknown): string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : show(error)
  return error.message === '' ? (error as NodeJS.ErrnoException).code ?? error.name : error.message
}
