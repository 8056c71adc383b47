import type { FullEvent, TickEvent } from '../lib/status/feed.js'
import { problemsOf, type PoolState, type TargetState } from '../lib/status/state.js'

/** Events that a line remembers. */
export const SAMPLES = 40

/** What one target has done lately, the newest last. */
export interface Series {
  /** Attempts per second. */
  readonly rate: number[]
  /** Milliseconds. */
  readonly latency: number[]
  /** Faults per second. */
  readonly errors: number[]
}

interface Counted { at: number, attempts: number, faults: number }

/** Everything that the page shows. The gateway tells what changes; this keeps the whole. */
export class Store {
  full: FullEvent | undefined
  online = false
  /** When the connection was lost, in milliseconds since 1970; undefined while there is one. */
  lostAt: number | undefined
  /** Requests per second of each route, in the gateway's order. */
  routeRates: number[] = []
  requestRate = 0
  readonly #series = new Map<string, Series>()
  readonly #counted = new Map<string, Counted>()
  #routes: { at: number, requests: readonly number[], total: number } | undefined
  readonly #changed: () => void
  #source: EventSource | undefined
  #watch: ReturnType<typeof setTimeout> | undefined
  #heardAt = 0
  #interval = 1000

  constructor (changed: () => void) {
    this.#changed = changed
  }

  seriesOf (pool: string, url: string): Series | undefined { return this.#series.get(`${pool} ${url}`) }

  /** Reads on until the page is closed, over however many connections that takes. */
  connect (): void {
    clearTimeout(this.#watch)
    this.#source?.close()
    const source = new EventSource('api/events')
    this.#source = source
    source.addEventListener('state', event => { this.#heard(() => { this.#take(JSON.parse(event.data as string) as FullEvent) }) })
    source.addEventListener('tick', event => { this.#heard(() => { this.#apply(JSON.parse(event.data as string) as TickEvent) }) })
    source.addEventListener('error', () => {
      this.#lost()
      // The browser tries again by itself unless the answer was an error.
      if (source.readyState === EventSource.CLOSED) this.#later(2000)
    })
    this.#later(Math.max(15_000, this.#interval * 4))
  }

  /** Connects again when nothing has come for so long. */
  #later (ms: number): void {
    clearTimeout(this.#watch)
    this.#watch = setTimeout(() => {
      this.#lost()
      this.connect()
    }, ms)
  }

  #heard (take: () => void): void {
    const now = performance.now()
    if (this.online) this.#interval = Math.min(60_000, now - this.#heardAt)
    this.#heardAt = now
    this.online = true
    this.lostAt = undefined
    take()
    this.#later(Math.max(15_000, this.#interval * 4))
    this.#changed()
  }

  #lost (): void {
    if (this.lostAt !== undefined) return
    this.online = false
    this.lostAt = Date.now()
    this.#changed()
  }

  #take (full: FullEvent): void {
    this.full = full
    this.#measure(full.at, full.routes.map(({ requests }) => requests), full.totals.requests)
    const there = new Set(full.pools.flatMap(({ name, targets }) => targets.map(({ url }) => `${name} ${url}`)))
    for (const key of this.#series.keys()) {
      if (there.has(key)) continue
      this.#series.delete(key)
      this.#counted.delete(key)
    }
    for (const pool of full.pools) for (const target of pool.targets) this.#sample(pool.name, target, full.at)
  }

  #apply ({ routes, pools, transitions, deeds, ...tick }: TickEvent): void {
    const { full } = this
    if (full === undefined) return
    this.#measure(tick.at, routes, tick.totals.requests)
    const now = full.pools.map((pool, i): PoolState => {
      const change = pools[i]
      if (change === undefined) return pool
      const targets = [...pool.targets]
      for (const [j, inFlight, streams, open, busy, latency, attempts, answered, faults] of change.rows) {
        const was = targets[j]
        if (was === undefined) continue
        targets[j] = { ...was, inFlight, streams, latency: latency ?? undefined, connections: { open, busy }, counters: { ...was.counters, attempts, answered, faults } }
      }
      for (const [j, target] of change.targets) targets[j] = target
      for (const target of targets) this.#sample(pool.name, target, tick.at)
      const { rows: _, ...rest } = change
      return { ...pool, ...rest, targets }
    })
    this.full = {
      ...full,
      ...tick,
      problems: problemsOf(now, tick.at),
      pools: now,
      routes: full.routes.map((route, i) => ({ ...route, requests: routes[i] ?? route.requests })),
      transitions: [...transitions, ...full.transitions].slice(0, 200),
      deeds: [...deeds, ...full.deeds].slice(0, 100)
    }
  }

  #measure (at: number, requests: readonly number[], total: number): void {
    const before = this.#routes
    this.#routes = { at, requests, total }
    if (before === undefined || at <= before.at || total < before.total) {
      this.routeRates = requests.map(() => 0)
      this.requestRate = 0
      return
    }
    const seconds = (at - before.at) / 1000
    this.requestRate = smooth(this.requestRate, (total - before.total) / seconds)
    this.routeRates = requests.map((count, i) => smooth(this.routeRates[i] ?? 0, Math.max(0, count - (before.requests[i] ?? count)) / seconds))
  }

  #sample (pool: string, { url, latency = 0, counters: { attempts, faults } }: TargetState, at: number): void {
    const key = `${pool} ${url}`
    const before = this.#counted.get(key)
    this.#counted.set(key, { at, attempts, faults })
    // One that counts anew has been started anew.
    if (before === undefined || attempts < before.attempts || at <= before.at) return
    let series = this.#series.get(key)
    if (series === undefined) this.#series.set(key, series = { rate: [], latency: [], errors: [] })
    const seconds = (at - before.at) / 1000
    push(series.rate, (attempts - before.attempts) / seconds)
    push(series.latency, latency)
    push(series.errors, (faults - before.faults) / seconds)
  }
}

/** Jumps to what is far off, and calms what jitters. */
function smooth (before: number, now: number): number {
  return before === 0 ? now : before * 0.6 + now * 0.4
}

function push (list: number[], value: number): void {
  list.push(value)
  if (list.length > SAMPLES) list.shift()
}

/** Of the last few seconds. */
export function recent (list: readonly number[] | undefined): number {
  const last = list?.slice(-5) ?? []
  return last.length === 0 ? 0 : last.reduce((sum, value) => sum + value, 0) / last.length
}
