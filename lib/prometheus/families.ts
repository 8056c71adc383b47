import type { ExchangeEnd } from '../events.js'
import type { Observer } from '../observer.js'
import type { Pool, PoolSnapshot } from '../pool.js'
import type { TargetSnapshot } from '../target.js'
import { Histogram } from './histogram.js'

/** One line of the exposition. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  /** Name of the series, where it is not that of the family. */
  readonly metricName?: string
}

export type FamilyType = 'counter' | 'gauge' | 'histogram'

/** What there is to say about one name. */
export interface Family {
  /** Without the prefix. */
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  samples (all: readonly Watched[], name: string): Sample[]
}

/** A pool as it is now, and what has been counted of it beside its own counters. */
export interface Watched {
  readonly pool: PoolSnapshot
  readonly watch: Watch
}

/** What a pool does not count itself. */
export class Watch implements Observer {
  readonly #bounds: readonly number[]
  readonly #pool: Pool
  /** By code, and in a list by the class of the status. */
  readonly #requests = new Map<string, Float64Array>()
  readonly #targets = new Map<string, Histogram>()
  readonly durations: Histogram

  /** @param bounds of the buckets, in seconds */
  constructor (pool: Pool, bounds: readonly number[]) {
    this.#pool = pool
    this.#bounds = bounds
    this.durations = new Histogram(bounds)
  }

  settled: NonNullable<Observer['settled']> = (target, outcome) => {
    if (outcome.kind !== 'answered') return
    let histogram = this.#targets.get(target.url)
    if (histogram === undefined) this.#targets.set(target.url, histogram = new Histogram(this.#bounds))
    histogram.observe(outcome.latency / 1000)
  }

  ended: NonNullable<Observer['ended']> = end => {
    const { code, status } = end
    let counts = this.#requests.get(code)
    if (counts === undefined) this.#requests.set(code, counts = new Float64Array(CLASSES.length))
    const of = Math.trunc((status ?? 0) / 100)
    counts[of] = (counts[of] ?? 0) + 1
    if (code === 'answered' || code === 'answered_elsewhere') this.durations.observe(untilHead(end) / 1000)
  }

  /** What is known by now; what has been known of targets that have left is forgotten. */
  get watched (): Watched {
    const pool = this.#pool.snapshot()
    const members = new Set(pool.targets.map(({ url }) => url))
    for (const url of this.#targets.keys()) if (!members.has(url)) this.#targets.delete(url)
    return { pool, watch: this }
  }

  get requests (): Array<{ readonly code: string, readonly status: string, readonly count: number }> {
    return Array.from(this.#requests, ([code, counts]) => CLASSES.map((status, i) => ({ code, status, count: counts[i] ?? 0 }))).flat().filter(({ count }) => count > 0)
  }

  durationsOf (url: string): Histogram | undefined { return this.#targets.get(url) }
}

/** By the first digit of a status; what has none comes first. */
const CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx']

/** Milliseconds from the request to the head of its answer: its end may be hours away. */
function untilHead ({ attempts, target, ms }: ExchangeEnd): number {
  for (let i = attempts.length - 1; i >= 0; i--) {
    const attempt = attempts[i]
    if (attempt !== undefined && attempt.outcome === 'answered' && attempt.target === target) return attempt.startedAt + attempt.ms
  }
  return ms
}

type PoolValue = (pool: PoolSnapshot) => number | undefined
type TargetValue = (target: TargetSnapshot) => number | undefined

function ofPool (name: string, type: FamilyType, help: string, value: PoolValue): Family {
  return {
    name,
    type,
    help,
    samples: all => all.flatMap(({ pool }) => {
      const own = value(pool)
      return own === undefined ? [] : [{ labels: { pool: pool.name }, value: own }]
    })
  }
}

/** One series for each value of a label. */
function ofPoolBy (name: string, type: FamilyType, help: string, label: string, values: Readonly<Record<string, (pool: PoolSnapshot) => number>>): Family {
  return {
    name,
    type,
    help,
    samples: all => all.flatMap(({ pool }) => Object.entries(values).map(([each, value]) => ({ labels: { pool: pool.name, [label]: each }, value: value(pool) })))
  }
}

function ofTarget (name: string, type: FamilyType, help: string, value: TargetValue): Family {
  return {
    name,
    type,
    help,
    samples: all => all.flatMap(({ pool }) => pool.targets.flatMap(target => {
      const own = value(target)
      return own === undefined ? [] : [{ labels: { pool: pool.name, target: target.url }, value: own }]
    }))
  }
}

function ofTargetBy (name: string, type: FamilyType, help: string, label: string, values: Readonly<Record<string, (target: TargetSnapshot) => number>>): Family {
  return {
    name,
    type,
    help,
    samples: all => all.flatMap(({ pool }) => pool.targets.flatMap(target => Object.entries(values).map(([each, value]) =>
      ({ labels: { pool: pool.name, target: target.url, [label]: each }, value: value(target) }))))
  }
}

/** The series of a histogram. */
function histogramSamples (name: string, labels: Readonly<Record<string, string>>, histogram: Histogram): Sample[] {
  const counts = histogram.cumulative()
  const total = counts.at(-1) ?? 0
  return [
    ...histogram.bounds.map((le, i) => ({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: counts[i] ?? 0 })),
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total },
    { metricName: `${name}_sum`, labels, value: histogram.sum },
    { metricName: `${name}_count`, labels, value: total }
  ]
}

function limit (value: number): number | undefined {
  return value === 0 || value === Infinity ? undefined : value
}

/** Everything that is told, in the order of the manual. */
export const FAMILIES: readonly Family[] = [
  {
    name: 'requests_total',
    type: 'counter',
    help: 'Requests that have ended, by how: code says why, status is the class of the status.',
    samples: all => all.flatMap(({ pool, watch }) => watch.requests.map(({ code, status, count }) => ({ labels: { pool: pool.name, code, status }, value: count })))
  },
  {
    name: 'request_duration_seconds',
    type: 'histogram',
    help: 'Time from a request to the head of its answer, queue and further attempts included.',
    samples: (all, name) => all.flatMap(({ pool, watch }) => histogramSamples(name, { pool: pool.name }, watch.durations))
  },
  ofPool('requests_in_flight', 'gauge', 'Requests that have been let in and have not ended, without streams.', ({ load }) => load.inFlight),
  ofPool('requests_in_flight_limit', 'gauge', 'How many requests are let in at once; absent without a limit.', ({ limits }) => limit(limits.inFlight)),
  ofPool('requests_waiting', 'gauge', 'Requests in line.', ({ load }) => load.waiting),
  ofPool('requests_waiting_limit', 'gauge', 'How many requests may be in line; 0 for no line.', ({ limits }) => limits.queue),
  ofPool('streams_open', 'gauge', 'Streams of events and WebSockets that are open.', ({ load }) => load.streams),
  ofPool('streams_open_limit', 'gauge', 'How many streams may be open; absent without a limit.', ({ limits }) => limit(limits.streams)),
  ofPool('retries_total', 'counter', 'Further attempts after one that did not do, without hedges.', ({ counters }) => counters.retries),
  ofPool('hedges_total', 'counter', 'Requests that were sent to a second target as well.', ({ counters }) => counters.hedges),
  ofPool('hedges_won_total', 'counter', 'Hedges whose answer came first.', ({ counters }) => counters.hedgesWon),
  ofPool('stale_connections_total', 'counter', 'Further attempts because a connection was found closed.', ({ counters }) => counters.stale),
  ofPool('answered_elsewhere_total', 'counter', 'Requests that a further attempt has saved.', ({ counters }) => counters.answeredElsewhere),
  ofPool('retries_refused_total', 'counter', 'Retries and hedges that the budget did not allow.', ({ counters }) => counters.budgetRefused),
  ofPool('retry_budget_left', 'gauge', 'Retries that the budget allows now; absent without a budget.', ({ budgetLeft }) => budgetLeft),
  ofPool('requests_queued_total', 'counter', 'Requests that had to wait in line.', ({ counters }) => counters.queued),
  ofPoolBy('requests_refused_total', 'counter', 'Requests turned away before they were sent, by reason.', 'reason', {
    queue_full: ({ counters }) => counters.queueFull,
    queue_timeout: ({ counters }) => counters.queueTimeout,
    too_many_streams: ({ counters }) => counters.tooManyStreams,
    no_target: ({ counters }) => counters.noTarget
  }),
  ofPool('ejections_total', 'counter', 'Targets taken out of rotation by the breaker or an operator.', ({ counters }) => counters.ejections),
  ofPool('panicking', 'gauge', '1 while too few targets are up and all are used.', ({ panicking }) => panicking ? 1 : 0),
  ofPool('panics_total', 'counter', 'How often too few targets were up.', ({ counters }) => counters.panics),
  ofPoolBy('targets', 'gauge', 'Targets of a pool by health.', 'health', Object.fromEntries((['up', 'down', 'trial', 'draining'] as const).map(health =>
    [health, ({ targets }: PoolSnapshot) => targets.filter(target => target.health === health).length]))),
  ofTargetBy('target_health', 'gauge', '1 for the health that the target has, 0 for the others.', 'health', Object.fromEntries((['up', 'down', 'trial', 'draining'] as const).map(health =>
    [health, (target: TargetSnapshot) => target.health === health ? 1 : 0]))),
  ofTarget('target_failing', 'gauge', '1 while the target would be ejected if enough others were up.', ({ failing }) => failing === undefined ? 0 : 1),
  ofTargetBy('target_attempts_total', 'counter', 'Attempts that have ended, by what they came to.', 'outcome', {
    answered: ({ counters }) => counters.answered,
    unsent: ({ counters }) => counters.unsent,
    failed: ({ counters }) => counters.failed,
    broken: ({ counters }) => counters.broken,
    aborted: ({ counters }) => counters.aborted
  }),
  ofTarget('target_faults_total', 'counter', 'Attempts that count against the target, answers with a status of 500 and more included.', ({ counters }) => counters.faults),
  {
    name: 'target_duration_seconds',
    type: 'histogram',
    help: 'Time from the pick of a target to the head of its answer.',
    samples: (all, name) => all.flatMap(({ pool, watch }) => pool.targets.flatMap(({ url }) => {
      const histogram = watch.durationsOf(url)
      return histogram === undefined ? [] : histogramSamples(name, { pool: pool.name, target: url }, histogram)
    }))
  },
  ofTarget('target_ejections_total', 'counter', 'How often the target has been taken out of rotation.', ({ ejections }) => ejections),
  ofTarget('target_in_flight', 'gauge', 'Attempts that have not ended, streams included.', ({ inFlight }) => inFlight),
  ofTarget('target_in_flight_limit', 'gauge', 'How many requests the target may have in flight; absent without a limit.', target => limit(target.limit)),
  ofTarget('target_streams', 'gauge', 'Streams of events and WebSockets among them.', ({ streams }) => streams),
  ofTargetBy('target_connections', 'gauge', 'Connections to the target that are open, by state.', 'state', {
    busy: ({ connections }) => connections.busy,
    idle: ({ connections }) => Math.max(0, connections.open - connections.busy)
  }),
  ofTarget('target_weight', 'gauge', 'Weight of the target.', ({ weight }) => weight),
  ofTarget('target_share_ratio', 'gauge', 'What the target takes of the traffic that its weight stands for, 0 to 1.', ({ share }) => share)
]
