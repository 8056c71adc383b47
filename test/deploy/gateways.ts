/** What several gateways in front of the same targets cost: the policies themselves, with targets that are queues. */
import type { PolicyFactory } from '../../lib/policy.js'
import type { Target } from '../../lib/target.js'
import { VirtualClock } from '../kit/clock.js'
import { targetsOf } from '../policies/sample.js'

export interface Setting {
  readonly policy: PolicyFactory
  readonly gateways: number
  readonly targets: number
  /** Share of the targets' time that is used. */
  readonly load: number
  /** Mean of what a request takes a target, which serves one at a time; ms, exponentially distributed. */
  readonly service: number
  /** From a gateway to a target and back, ms. */
  readonly roundTrip: number
  readonly requests: number
  readonly seed: number
}

/** Requests at the beginning that are not counted, as a share: the queues are empty at first. */
const WARM_UP = 0.1

/** Times from a gateway to a target and back, in ms and in order of size. Each request comes by a gateway at random, as by a load balancer in front. */
export function latencies ({ policy, gateways, targets, load, service, roundTrip, requests, seed }: Setting): Float64Array {
  const clock = new VirtualClock(seed)
  const exponential = (mean: number): number => -mean * Math.log(1 - clock.random())
  // Each gateway knows of its own requests only.
  const views = Array.from({ length: gateways }, () => ({ pick: policy(clock), targets: targetsOf(...new Array<number>(targets).fill(1)) }))
  // The same for all: when each target has done what it has been given so far.
  const free = new Float64Array(targets)
  const underWay = new Endings()
  const measured = new Float64Array(Math.floor(requests * (1 - WARM_UP)))
  let now = 0
  for (let i = 0; i < requests; i++) {
    now += exponential(service / (targets * load))
    underWay.settleUntil(now)
    const view = views[Math.floor(clock.random() * gateways)]
    if (view === undefined) throw new RangeError('no gateway')
    const target = view.pick(view.targets, { key: undefined, attempt: 0 })
    const done = Math.max(now + roundTrip / 2, free[target.id] ?? 0) + exponential(service)
    free[target.id] = done
    underWay.add(done + roundTrip / 2, target)
    const place = i - (requests - measured.length)
    if (place >= 0) measured[place] = done + roundTrip / 2 - now
  }
  return measured.sort()
}

/** Requests under way by the time of their end: a binary heap. */
class Endings {
  readonly #heap: Array<{ readonly at: number, readonly settle: () => void }> = []

  add (at: number, target: Target): void {
    const settle = target.begin()
    const heap = this.#heap
    const ending = { at, settle: () => { settle({ kind: 'answered', status: 200, latency: 0 }) } }
    let place = heap.push(ending) - 1
    while (place > 0) {
      const above = (place - 1) >> 1
      const other = heap[above]
      if (other === undefined || other.at <= at) break
      heap[place] = other
      place = above
    }
    heap[place] = ending
  }

  settleUntil (now: number): void {
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      first.settle()
      this.#removeFirst()
    }
  }

  #removeFirst (): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      if (below >= heap.length) break
      if ((heap[below + 1]?.at ?? Infinity) < (heap[below]?.at ?? Infinity)) below++
      const other = heap[below]
      if (other === undefined || other.at >= last.at) break
      heap[place] = other
      place = below
    }
    heap[place] = last
  }
}

export function mean (values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** @param sorted in order of size */
export function percentile (sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
