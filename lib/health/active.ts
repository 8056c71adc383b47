import { once } from 'node:events'
import { Client, type Dispatcher } from 'undici'
import { jittered, sleep, type Clock } from '../clock.js'
import { connector, type TlsSettings } from '../connector.js'
import { show } from '../errors.js'
import type { Target } from '../target.js'

/**
 * Asks a target whether it is well; rejects with the reason when it is not. `signal` is its deadline. `dispatcher` has
 * connections of its own, which are closed when the probe is over.
 */
export type Probe = (target: Target, dispatcher: Dispatcher, signal: AbortSignal) => Promise<void>

/** With this for a reason a probe says that its target is well, and asks to be drained: no `fall` is waited for. */
export class DrainAsked extends Error {
  constructor () { super('it asked to be drained') }
}

export interface ProberSettings {
  readonly clock: Clock
  readonly probe: Probe
  readonly tls: TlsSettings
  /** Port to probe instead of the target's own. */
  readonly port: number | undefined
  /** Milliseconds between the end of a probe and the start of the next. */
  readonly interval: number
  /** Share of the interval by which it varies either way. */
  readonly jitter: number
  /** Milliseconds that a probe may take. */
  readonly timeout: number
  /** Successes in a row that bring a target up. */
  readonly rise: number
  /** Failures in a row that bring it down. */
  readonly fall: number
  /** Told of changes, and of the first failure of a newcomer: undefined is up, an error is the reason for being down. */
  onVerdict (target: Target, down: Error | undefined): void
}

/** Rise and fall: how many probes in a row change a verdict. */
export class Verdict {
  readonly #rise: number
  readonly #fall: number
  #up: boolean
  #against = 0
  #proven: boolean

  /** @param proven whether the first state was earned; a newcomer that is down rises with its first success */
  constructor (rise: number, fall: number, up: boolean, proven: boolean) {
    this.#rise = rise
    this.#fall = fall
    this.#up = up
    this.#proven = proven
  }

  /** Takes one probe into account and says whether it changed the verdict. */
  observe (ok: boolean): boolean {
    if (ok === this.#up) {
      this.#against = 0
      return false
    }
    this.#against++
    const needed = ok ? (this.#proven ? this.#rise : 1) : this.#fall
    if (this.#against < needed) return false
    this.#up = ok
    this.#proven = true
    this.#against = 0
    return true
  }

  /** Down without waiting for more probes to say so. Says whether that is new. */
  fallNow (): boolean {
    const changed = this.#up
    this.#up = false
    this.#proven = true
    this.#against = 0
    return changed
  }
}

/**
 * Probes targets for as long as they are watched, each in a loop of its own: the next probe starts an interval after
 * the last one ended, so a slow target never has two. Every probe has a connection of its own, so a busy pool can not
 * hold it up and a listener that has gone is seen at once.
 */
export class Prober {
  readonly #settings: ProberSettings
  readonly #watched = new Map<Target, Watch>()
  #running = false

  constructor (settings: ProberSettings) {
    this.#settings = settings
  }

  /**
   * The first probe starts at once, or with `start`.
   *
   * @param up what is believed of the target until the probes say otherwise
   * @param proven false for a newcomer: when it is down, its first success brings it up
   */
  watch (target: Target, up: boolean, proven: boolean): void {
    if (this.#watched.has(target)) return
    const { rise, fall } = this.#settings
    const watch: Watch = { verdict: new Verdict(rise, fall, up, proven), heard: proven, loop: undefined }
    this.#watched.set(target, watch)
    if (this.#running) this.#run(target, watch)
  }

  unwatch (target: Target): void {
    this.#watched.get(target)?.loop?.abort()
    this.#watched.delete(target)
  }

  start (): void {
    if (this.#running) return
    this.#running = true
    for (const [target, watch] of this.#watched) this.#run(target, watch)
  }

  /** Ends every loop and the probes in flight. What they found out is kept for the next `start`. */
  stop (): void {
    this.#running = false
    for (const { loop } of this.#watched.values()) loop?.abort()
  }

  #run (target: Target, watch: Watch): void {
    watch.loop = new AbortController()
    void this.#loop(target, watch, watch.loop.signal)
  }

  async #loop (target: Target, watch: Watch, signal: AbortSignal): Promise<void> {
    const { clock, interval, jitter, onVerdict } = this.#settings
    while (!signal.aborted) {
      const failure = await this.#probe(target, signal)
      if (signal.aborted) return
      const changed = failure instanceof DrainAsked ? watch.verdict.fallNow() : watch.verdict.observe(failure === undefined)
      const first = !watch.heard
      watch.heard = true
      if (changed || (first && failure !== undefined)) onVerdict(target, failure)
      await sleep(clock, jittered(clock, interval, jitter), signal)
    }
  }

  /** Undefined when the target is well, or else why it is not. */
  async #probe (target: Target, signal: AbortSignal): Promise<Error | undefined> {
    const { clock, probe, timeout } = this.#settings
    const deadline = new AbortController()
    const onStop = (): void => { deadline.abort(new Error('stopped')) }
    const cancel = clock.after(timeout, () => { deadline.abort(new Error(`no answer within ${timeout} ms`)) })
    signal.addEventListener('abort', onStop)
    const client = this.#connect(target, deadline.signal)
    const ask = async (): Promise<void> => { await probe(target, client, deadline.signal) }
    try {
      // A probe that does not listen to its signal must not hold the loop up.
      await Promise.race([aborted(deadline.signal), ask()])
      return undefined
    } catch (error) {
      return reasonOf(error)
    } finally {
      cancel()
      signal.removeEventListener('abort', onStop)
      // A probe may have left an answer unread or a connection half made.
      void client.destroy()
      deadline.abort()
    }
  }

  #connect (target: Target, signal: AbortSignal): Client {
    const { clock, tls, port } = this.#settings
    const origin = new URL(target.origin)
    if (port !== undefined) origin.port = String(port)
    // The signal is the only deadline.
    return new Client(origin.origin, { connect: connector(clock, 0, tls, signal), pipelining: 0, headersTimeout: 0, bodyTimeout: 0 })
  }
}

interface Watch {
  readonly verdict: Verdict
  /** Whether `onVerdict` has had reason to know of the target. */
  heard: boolean
  loop: AbortController | undefined
}

async function aborted (signal: AbortSignal): Promise<never> {
  await once(signal, 'abort')
  throw signal.reason
}

function reasonOf (error: unknown): Error {
  if (!(error instanceof Error)) return new Error(typeof error === 'string' ? error : show(error))
  // Several addresses that all refuse make an error without a message.
  return error.message === '' ? new Error((error as NodeJS.ErrnoException).code ?? error.name, { cause: error }) : error
}
