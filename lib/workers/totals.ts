import type { Health } from '../outcome.js'
import type { Pool } from '../pool.js'
import type { TargetCounters, TargetSnapshot } from '../target.js'

/** A pool as one worker sees it. */
export interface PoolSnapshot {
  readonly load: Pool['load']
  readonly panicking: boolean
  readonly targets: readonly TargetSnapshot[]
}

/** What a worker tells of its pools. */
export type PoolSnapshots = Readonly<Record<string, PoolSnapshot>>

/** How a target is for one worker. */
export interface Opinion {
  readonly worker: number
  readonly health: Health
  readonly reason: string | undefined
}

/** A target as all workers together see it: what can be counted is summed. */
export interface TargetTotals extends Omit<TargetSnapshot, 'health' | 'reason'> {
  /** Undefined when the workers differ. */
  readonly health: Health | undefined
  readonly reason: string | undefined
  /** One for each worker when they differ: each has a breaker of its own. */
  readonly opinions?: readonly Opinion[]
}

export interface PoolTotals {
  readonly load: Pool['load']
  /** Whether it is in any of the workers. */
  readonly panicking: boolean
  readonly targets: readonly TargetTotals[]
}

/** Every pool of an app, as plain data. */
export function poolSnapshots (upstreams: Readonly<Record<string, Pool>>): PoolSnapshots {
  return Object.fromEntries(Object.entries(upstreams).map(([name, { load, panicking, targets }]) => [name, { load, panicking, targets }]))
}

/** Sums what several workers tell. Pools and targets that not all of them have, as in the middle of a reload, are summed over those that do. */
export function poolTotals (told: ReadonlyArray<{ readonly worker: number, readonly pools: PoolSnapshots }>): Readonly<Record<string, PoolTotals>> {
  const names = new Set(told.flatMap(({ pools }) => Object.keys(pools)))
  return Object.fromEntries([...names].map(name => {
    const snapshots = told.flatMap(({ worker, pools }) => {
      const pool = pools[name]
      return pool === undefined ? [] : [{ worker, pool }]
    })
    const pools = snapshots.map(({ pool }) => pool)
    return [name, {
      load: {
        inFlight: sum(pools, pool => pool.load.inFlight),
        streams: sum(pools, pool => pool.load.streams),
        waiting: sum(pools, pool => pool.load.waiting)
      },
      panicking: pools.some(({ panicking }) => panicking),
      targets: targetTotals(snapshots)
    }]
  }))
}

interface Seen { readonly worker: number, readonly target: TargetSnapshot }

function targetTotals (snapshots: ReadonlyArray<{ readonly worker: number, readonly pool: PoolSnapshot }>): TargetTotals[] {
  const byUrl = new Map<string, Seen[]>()
  for (const { worker, pool } of snapshots) {
    for (const target of pool.targets) {
      const seen = byUrl.get(target.url)
      if (seen === undefined) byUrl.set(target.url, [{ worker, target }])
      else seen.push({ worker, target })
    }
  }
  return [...byUrl.values()].map(total)
}

function total (seen: readonly Seen[]): TargetTotals {
  const targets = seen.map(({ target }) => target)
  // There is one: the list was made for it.
  const [first] = targets as [TargetSnapshot]
  const alike = targets.every(({ health }) => health === first.health)
  const sameReason = alike && targets.every(({ reason }) => reason === first.reason)
  const answered = sum(targets, ({ counters }) => counters.answered)
  return {
    ...first,
    health: alike ? first.health : undefined,
    reason: sameReason ? first.reason : undefined,
    ...(sameReason ? undefined : { opinions: seen.map(({ worker, target: { health, reason } }) => ({ worker, health, reason })) }),
    inFlight: sum(targets, ({ inFlight }) => inFlight),
    streams: sum(targets, ({ streams }) => streams),
    limit: sum(targets, ({ limit }) => limit),
    share: sum(targets, ({ share }) => share) / targets.length,
    // By how much each has to say: a worker that has had no answers has no latency.
    latency: answered === 0 ? undefined : sum(targets, ({ latency, counters }) => (latency ?? 0) * counters.answered) / answered,
    counters: Object.fromEntries(Object.keys(first.counters)
      .map(name => [name, sum(targets, ({ counters }) => counters[name as keyof TargetCounters])])) as Record<keyof TargetCounters, number>
  }
}

function sum<Item> (items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
