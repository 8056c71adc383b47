import type { Histogram, Meter, Observable, BatchObservableResult } from '@opentelemetry/api'
import type { AttemptStart, ExchangeEnd } from '../events.js'
import type { Health, Outcome } from '../outcome.js'
import type { PoolSnapshot } from '../pool.js'
import type { Target } from '../target.js'
import { DURATION_BUCKETS } from './semantics.js'
import type { Measure } from './served.js'
import { Tally } from './tally.js'

const HEALTHS: readonly Health[] = ['up', 'down', 'trial', 'draining']

/** What is measured: durations by the conventions, and what only a pool knows. */
export interface Meters {
  readonly server: Measure
  readonly client: Measure
  attemptEnded (target: Target, outcome: Outcome, attempt: AttemptStart): void
  requestEnded (exchange: ExchangeEnd): void
  /** No more reads of the pools. */
  stop (): void
}

/** @param pools read whenever the metrics are collected */
export function meters (meter: Meter, pools: () => readonly PoolSnapshot[]): Meters {
  const duration = (name: string, description: string): Histogram => meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: DURATION_BUCKETS } })
  const server = duration('http.server.request.duration', 'Duration of HTTP server requests.')
  const client = duration('http.client.request.duration', 'Duration of HTTP client requests: one per attempt.')
  const waited = duration('fastify_balancer.queue.duration', 'Time that requests have waited in line, of those that had to.')
  const tallies: Tallies = { requests: new Tally(), attempts: new Tally() }
  const stop = observe(meter, pools, tallies)
  return {
    server: (seconds, attributes, context) => { server.record(seconds, attributes, context) },
    client: (seconds, attributes, context) => { client.record(seconds, attributes, context) },
    attemptEnded (target, outcome, { pool, why }) {
      tallies.attempts.at(pool).at(target.url).at(outcome.kind).at(why).count++
    },
    requestEnded ({ pool, code, waited: ms }) {
      tallies.requests.at(pool).at(code).count++
      if (ms > 0) waited.record(ms / 1000, { 'fastify_balancer.pool': pool })
    },
    stop
  }
}

/** What is counted with every request, and read as rarely as the rest. */
interface Tallies {
  /** By pool and reason. */
  readonly requests: Tally
  /** By pool, target, outcome and why they were made. */
  readonly attempts: Tally
}

type Read = (snapshot: PoolSnapshot, observe: (value: number, attributes?: Record<string, string>) => void) => void

/** Has what the pools count and hold read when metrics are collected, and not with every request. */
function observe (meter: Meter, pools: () => readonly PoolSnapshot[], { requests, attempts }: Tallies): () => void {
  const reads = new Map<Observable, Read>()
  const gauge = (name: string, unit: string, description: string, read: Read): void => { reads.set(meter.createObservableGauge(`fastify_balancer.${name}`, { unit, description }), read) }
  const upDown = (name: string, unit: string, description: string, read: Read): void => { reads.set(meter.createObservableUpDownCounter(`fastify_balancer.${name}`, { unit, description }), read) }
  const counter = (name: string, unit: string, description: string, read: Read): void => { reads.set(meter.createObservableCounter(`fastify_balancer.${name}`, { unit, description }), read) }
  const targets = (read: (target: PoolSnapshot['targets'][number], observe: (value: number, attributes?: Record<string, string>) => void) => void): Read => ({ targets }, observe) => {
    for (const target of targets) read(target, (value, attributes) => { observe(value, { 'fastify_balancer.target': target.url, ...attributes }) })
  }

  counter('requests', '{request}', 'Requests of a pool by how they ended.', ({ name }, observe) => {
    for (const [code, { count }] of requests.at(name).below) observe(count, { 'fastify_balancer.reason': code })
  })
  counter('attempts', '{attempt}', 'Attempts by target, outcome and why they were made.', ({ name, targets }, observe) => {
    const ofPool = attempts.at(name)
    const members = new Set(targets.map(({ url }) => url))
    for (const [url, ofTarget] of ofPool.below) {
      for (const [outcome, { below }] of ofTarget.below) {
        for (const [why, { count }] of below) observe(count, { 'fastify_balancer.target': url, 'fastify_balancer.outcome': outcome, 'fastify_balancer.why': why })
      }
      // Told once more, as its last attempts may have ended after it has left.
      if (!members.has(url)) ofPool.delete(url)
    }
  })
  upDown('in_flight', '{request}', 'Requests let in that have not ended, without streams.', ({ load }, observe) => { observe(load.inFlight) })
  upDown('streams', '{stream}', 'Server-sent events and WebSockets that are open.', ({ load }, observe) => { observe(load.streams) })
  upDown('queue.length', '{request}', 'Requests in line.', ({ load }, observe) => { observe(load.waiting) })
  gauge('panicking', '1', '1 while too few targets are up, so that all are used.', ({ panicking }, observe) => { observe(panicking ? 1 : 0) })
  gauge('retry_budget.left', '{attempt}', 'Retries and hedges that could be made now.', ({ budgetLeft }, observe) => { if (budgetLeft !== undefined) observe(budgetLeft) })
  counter('retries', '{attempt}', 'Further attempts after a failure.', ({ counters }, observe) => { observe(counters.retries) })
  counter('hedges', '{attempt}', 'Requests sent to a second target as well.', ({ counters }, observe) => { observe(counters.hedges) })
  counter('hedges.won', '{attempt}', 'Hedges whose answer came first.', ({ counters }, observe) => { observe(counters.hedgesWon) })
  counter('retry_budget.refused', '{attempt}', 'Retries and hedges that the budget did not allow.', ({ counters }, observe) => { observe(counters.budgetRefused) })
  counter('panics', '{panic}', 'How often too few targets were up.', ({ counters }, observe) => { observe(counters.panics) })
  counter('target.ejections', '{ejection}', 'How often the breaker has taken a target out.', targets(({ ejections }, observe) => { observe(ejections) }))
  gauge('target.health', '1', '1 for what a target is, 0 for what it is not.', targets(({ health }, observe) => {
    for (const each of HEALTHS) observe(each === health ? 1 : 0, { 'fastify_balancer.health': each })
  }))
  upDown('target.in_flight', '{request}', 'Attempts under way.', targets(({ inFlight }, observe) => { observe(inFlight) }))
  upDown('target.connections', '{connection}', 'Open connections.', targets(({ connections: { open, busy } }, observe) => {
    observe(busy, { 'http.connection.state': 'active' })
    observe(open - busy, { 'http.connection.state': 'idle' })
  }))

  const callback = (result: BatchObservableResult): void => {
    for (const snapshot of pools()) {
      for (const [instrument, read] of reads) {
        read(snapshot, (value, attributes) => { result.observe(instrument, value, { 'fastify_balancer.pool': snapshot.name, ...attributes }) })
      }
    }
  }
  const instruments = [...reads.keys()]
  meter.addBatchObservableCallback(callback, instruments)
  return () => { meter.removeBatchObservableCallback(callback, instruments) }
}
