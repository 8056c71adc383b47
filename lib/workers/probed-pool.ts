import type { Clock } from '../clock.js'
import type { Discovery } from '../discovery.js'
import { Prober } from '../health/active.js'
import type { Tell, Verdicts } from '../health/watcher.js'
import { Pool, type PoolLogger, type PoolSettings } from '../pool.js'
import type { PoolOptions } from '../pool-options.js'
import { poolSettings } from '../pool-settings.js'
import { optionPath } from '../schema.js'
import { targetUrl } from '../target-config.js'
import type { TargetList, Verdict } from './protocol.js'
import type { Relay } from './relay.js'
import { Tap } from './tap.js'

/** A pool's options, of which `discovery` runs in the primary. */
export type SharedPoolOptions = PoolOptions & { readonly discovery?: Discovery }

export interface ProbedPoolSettings {
  readonly relay: Relay
  readonly log: PoolLogger
  readonly clock: Clock
}

/** A pool for the sake of its probes and its source of discovery: no request ever goes through it. What they find out goes to the relay. */
export class ProbedPool {
  readonly name: string
  readonly pool: Pool
  options: SharedPoolOptions
  readonly #relay: Relay
  readonly #tap: Tap
  /** Whether it is this one that the workers hear of: in the middle of a reload there may be two. */
  #heard = false

  /**
   * @param verdicts what is known of its targets already
   * @throws BadOptionError
   */
  constructor (name: string, options: SharedPoolOptions, verdicts: ReadonlyMap<string, Verdict>, { relay, log, clock }: ProbedPoolSettings) {
    this.name = name
    this.options = options
    this.#relay = relay
    this.#tap = new Tap(verdicts, (url, verdict) => { if (this.#heard) relay.verdict(name, url, verdict) })
    const { discovery } = options
    const settings = probedSettings(name, discovery === undefined ? options : { ...options, discovery: this.overheard(discovery) }, log, clock)
    const { health } = settings
    this.pool = new Pool(health === undefined
      ? settings
      : {
          ...settings, health: { initial: health.initial, verdicts: this.#tap.into('verdicts' in health ? health.verdicts : probesOf(settings, health)) }
        })
  }

  get verdicts (): ReadonlyMap<string, Verdict> { return this.#tap.verdicts }

  /** From now on the workers hear of this one. */
  hear (): void {
    this.#heard = true
    this.#relay.replace(this.name, this.verdicts)
  }

  mute (): void { this.#heard = false }

  /** @throws BadOptionError for targets that can not be, and nothing has changed */
  check (options: SharedPoolOptions, { log, clock }: ProbedPoolSettings): void {
    probedSettings(this.name, options, log, clock)
  }

  /** Takes on options that differ in nothing but their targets. */
  retarget (options: SharedPoolOptions): void {
    this.options = options
    void this.pool.set(options.targets ?? [])
  }

  async end (): Promise<void> {
    this.mute()
    await this.pool.destroy()
  }

  /** Workers are told before the pool is. A list with a mistake in it is not passed on: the pool says what is wrong with it. */
  overheard (discovery: Discovery): Discovery {
    const hear = (list: TargetList): void => { if (this.#heard && isList(list)) this.#relay.targets(this.name, list) }
    return async function * (signal) {
      for await (const list of discovery(signal)) {
        hear(list)
        yield list
      }
    }
  }
}

/** There are no outcomes to be judged or told of. */
function probedSettings (name: string, options: SharedPoolOptions, log: PoolLogger, clock: Clock): PoolSettings {
  return poolSettings(name, { ...options, breaker: false, observers: [] }, optionPath('pools', name), log, clock)
}

function probesOf ({ clock, tls }: PoolSettings, health: Exclude<PoolSettings['health'], { verdicts: Verdicts } | undefined>): Verdicts {
  return (tell: Tell) => new Prober({ ...health, clock, tls, onVerdict: tell })
}

/** Whether it names targets, each once. What else may be wrong with one, every pool finds out by itself. */
function isList (list: TargetList): boolean {
  try {
    const urls = Array.from(list, target => targetUrl(typeof target === 'string' ? target : target.url, 'target'))
    return new Set(urls).size === urls.length
  } catch {
    return false
  }
}
