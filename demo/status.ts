import type { Health, TargetSnapshot } from '../lib/index.js'
import type { Gateway } from './gateway.js'
import type { Entry, Journal } from './journal.js'
import type { Load } from './load.js'
import { SCENE, type PoolConfig } from './scene.js'

export interface TargetStatus {
  readonly name: string
  readonly note: string
  readonly weight: number
  readonly health: Health
  /** Of the answers that the pool gave within the last few seconds, 0 to 1. */
  readonly share: number
  readonly inFlight: number
  /** Attempts that did not reach it, broke off or were answered 5xx. */
  readonly failures: number
  /** Smoothed, ms. */
  readonly latency: number | undefined
}

export interface PoolStatus {
  readonly prefix: string
  readonly policy: string
  readonly targets: readonly TargetStatus[]
}

/** Everything that a view shows, at one moment. */
export interface Status {
  readonly url: string
  readonly seconds: number
  readonly sent: number
  readonly failed: number
  readonly retried: number
  readonly pools: readonly PoolStatus[]
  readonly entries: readonly Entry[]
}

/** Seconds that a share looks back. */
const WINDOW = 3

type Answered = ReadonlyMap<string, number>

/** Takes a Status whenever it is asked; remembers a few seconds of counters for the shares. */
export class Reporter {
  readonly #gateway: Gateway
  readonly #load: Load
  readonly #journal: Journal
  #samples: Array<{ at: number, answered: Answered }> = []

  constructor (gateway: Gateway, load: Load, journal: Journal) {
    this.#gateway = gateway
    this.#load = load
    this.#journal = journal
  }

  take (): Status {
    const { seconds, entries } = this.#journal
    const pools = SCENE.map(pool => ({ pool, targets: this.#gateway.targets(pool.name) }))
    const answered = new Map(pools.flatMap(({ targets }) => targets.map(({ url, counters }) => [url, counters.answered])))
    this.#samples = [...this.#samples.filter(({ at }) => at >= seconds - WINDOW), { at: seconds, answered }]
    const before = this.#samples.length > 1 ? this.#samples[0]?.answered : undefined
    return {
      url: this.#gateway.url,
      seconds,
      sent: this.#load.sent,
      failed: this.#load.failed,
      retried: this.#gateway.retried(),
      pools: pools.map(({ pool, targets }) => poolStatus(pool, targets, before)),
      entries
    }
  }
}

function poolStatus ({ prefix, policy, upstreams }: PoolConfig, targets: readonly TargetSnapshot[], before: Answered | undefined): PoolStatus {
  const recent = targets.map(({ url, counters }) => counters.answered - (before?.get(url) ?? 0))
  const total = recent.reduce((sum, count) => sum + count, 0)
  return {
    prefix,
    policy,
    // A pool lists its targets in the order of its configuration.
    targets: targets.map(({ weight, health, inFlight, latency, counters }, i) => ({
      name: upstreams[i]?.name ?? '',
      note: upstreams[i]?.note ?? '',
      weight,
      health,
      share: total === 0 ? 0 : (recent[i] ?? 0) / total,
      inFlight,
      failures: counters.faults,
      latency
    }))
  }
}
