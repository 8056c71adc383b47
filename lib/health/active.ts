import { once } from 'node:events'
import { Client, type Dispatcher } from 'undici'
import { jittered, sleep, type Clock } from '../clock.js'
import { connector, type TlsOptions } from '../connector.js'
import type { Target } from '../target.js'

/** Asks a target whether it is well; rejects with the reason when it is not. `signal` is its deadline. */
export type Probe = (target: Target, dispatcher: Dispatcher, signal: AbortSignal) => Promise<void>

export interface ProberSettings {
  readonly clock: Clock
  readonly probe: Probe
  readonly tls: TlsOptions
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
  /** Told of changes only: undefined is up, a text is the reason for being down. */
  onVerdict (target: Target, down: string | undefined): void
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
}

/**
 * Probes targets for as long as they are watched, each in a loop of its own: the next probe starts an interval after
 * the last one ended, so a slow target never has two. Probes have their own connection, opened anew each time, so a
 * busy pool can not hold them up and a listener that has gone is seen at once.
 */
export class Prober {
  readonly #settings: ProberSettings
  readonly #watched = new Map<Target, AbortController>()

  constructor (settings: ProberSettings) {
    this.#settings = settings
  }

  /**
   * Starts at once.
   *
   * @param up what is believed of the target until the probes say otherwise
   * @param proven false for a newcomer: when it is down, its first success brings it up
   */
  watch (target: Target, up: boolean, proven: boolean): void {
    const controller = new AbortController()
    this.#watched.set(target, controller)
    void this.#loop(target, controller.signal, new Verdict(this.#settings.rise, this.#settings.fall, up, proven))
  }

  unwatch (target: Target): void {
    this.#watched.get(target)?.abort()
    this.#watched.delete(target)
  }

  /** Ends every loop and the probes in flight. */
  stop (): void {
    for (const controller of this.#watched.values()) controller.abort()
    this.#watched.clear()
  }

  async #loop (target: Target, signal: AbortSignal, verdict: Verdict): Promise<void> {
    const { clock, interval, jitter } = this.#settings
    const client = this.#connect(target)
    while (!signal.aborted) {
      const failure = await this.#probe(target, client, signal)
      if (signal.aborted) break
      if (verdict.observe(failure === undefined)) this.#settings.onVerdict(target, failure)
      await sleep(clock, jittered(clock, interval, jitter), signal)
    }
    await client.destroy()
  }

  /** Undefined when the target is well, or else why it is not. */
  async #probe (target: Target, client: Client, signal: AbortSignal): Promise<string | undefined> {
    const { clock, probe, timeout } = this.#settings
    const deadline = new AbortController()
    const expire = (reason: Error): void => { deadline.abort(reason) }
    const onStop = (): void => { expire(new Error('stopped')) }
    const cancel = clock.after(timeout, () => { expire(new Error(`no answer within ${timeout} ms`)) })
    signal.addEventListener('abort', onStop)
    try {
      // A probe that does not listen to its signal must not hold the loop up.
      await Promise.race([probe(target, client, deadline.signal), aborted(deadline.signal)])
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message || error.name : String(error)
    } finally {
      cancel()
      signal.removeEventListener('abort', onStop)
    }
  }

  #connect (target: Target): Client {
    const { clock, tls, port, timeout } = this.#settings
    const origin = new URL(target.origin)
    if (port !== undefined) origin.port = String(port)
    return new Client(origin.origin, {
      connect: connector(clock, timeout, tls),
      pipelining: 0,
      headersTimeout: 0,
      bodyTimeout: 0
    })
  }
}

async function aborted (signal: AbortSignal): Promise<never> {
  await once(signal, 'abort')
  throw signal.reason
}
