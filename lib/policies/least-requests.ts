import type { Clock } from '../clock.js'
import { at, explained, load, type PolicyExplanation, type PolicyFactory } from '../policy.js'
import type { LoadWatcher, Target } from '../target.js'
import { Tournament } from './tournament.js'

/**
 * The least busy target for its weight, of all of them: with all in reach it waits less than the best of two
 * random draws. Ties are what decides the shares of a lightly loaded pool, so they go round by weight: each pick moves
 * a target's pass on by 1 / weight and the one that is furthest behind goes next (stride scheduling, Waldspurger and
 * Weihl, 1995). Whoever was passed over, busy or away, does not catch up on what it missed: its next pick counts from
 * the present turn (start-time fair queueing, Goyal, Vin and Cheng, 1996).
 *
 * A target tells when its load changes, so that the order is kept and not searched for: O(log n).
 */
export const leastRequests: PolicyFactory = clock => {
  const line = new Line(clock)
  return explained(targets => line.next(targets), targets => line.explain(targets))
}

class Line {
  readonly #clock: Clock
  readonly #places = new WeakMap<Target, Place>()
  #known: readonly Target[] = []
  /** Of `known`, as the following. */
  #placed: readonly Place[] = []
  #loads = new Float64Array(0)
  #passes = new Float64Array(0)
  /** How far a pick moves its pass on. */
  #strides = new Float64Array(0)
  #order = new Tournament(0, () => false)
  /** What was offered last. */
  #latest: readonly Target[] | undefined
  /** Where the latest pick began; nobody is more than a turn of its own ahead of it. */
  #turn = 0

  constructor (clock: Clock) {
    this.#clock = clock
  }

  next (targets: readonly Target[]): Target {
    if (targets === this.#known) return this.#take(this.#order.first)
    // One that is offered for the first time may have been made for this pick, without those that have been tried.
    const best = targets === this.#latest ? -1 : this.#firstOf(targets)
    this.#latest = targets
    if (best >= 0) return this.#take(best)
    this.#learn(targets)
    return this.#take(this.#order.first)
  }

  explain (targets: readonly Target[]): PolicyExplanation {
    const next = this.#foreseen(targets)
    const scores = targets.map(load)
    const least = scores.reduce((a, b) => Math.min(a, b))
    const level = scores.filter(score => score === least).length
    return {
      next,
      scores,
      unit: 'requests in flight by weight, fewest first',
      because: level === 1 ? 'is the least busy for its weight' : `is next in turn of ${level} that are the least busy for their weight`
    }
  }

  /** Whom `next` would pick. */
  #foreseen (targets: readonly Target[]): Target | undefined {
    if (targets === this.#known) return at(targets, this.#order.first)
    const known = targets === this.#latest ? -1 : this.#firstOf(targets)
    if (known >= 0) return at(this.#known, known)
    let best: Target | undefined
    let least = Infinity
    let furthestBehind = Infinity
    for (const target of targets) {
      const busy = load(target)
      const place = this.#places.get(target)
      // A newcomer draws its place in line when it is picked from for the first time: among several, nobody knows it before.
      if (place === undefined || (busy === least && furthestBehind === -Infinity)) {
        if (busy > least) continue
        best = busy < least ? target : undefined
        least = busy
        furthestBehind = -Infinity
        continue
      }
      const pass = Math.min(place.index < 0 ? place.pass : this.#passes[place.index] ?? 0, this.#turn + 1 / target.weight)
      if (busy < least || (busy === least && pass < furthestBehind)) {
        best = target
        least = busy
        furthestBehind = pass
      }
    }
    return best
  }

  /** @param target at `index`, whose load has changed */
  moved (index: number, target: Target): void {
    this.#loads[index] = load(target)
    this.#order.changed(index)
  }

  #take (index: number): Target {
    this.#turn = Math.max(this.#turn, this.#passes[index] ?? 0)
    this.#passes[index] = this.#turn + (this.#strides[index] ?? 0)
    this.#order.changed(index)
    return at(this.#known, index)
  }

  /** Index in `known` of the best of some of them; -1 when there are others among `targets`. */
  #firstOf (targets: readonly Target[]): number {
    let best = -1
    let next = 0
    for (let i = 0; i < this.#known.length && next < targets.length; i++) {
      if (this.#known[i] !== targets[next]) continue
      next++
      if (best < 0 || this.#isBefore(i, best)) best = i
    }
    return next === targets.length ? best : -1
  }

  #isBefore (a: number, b: number): boolean {
    const x = this.#loads[a] ?? 0
    const y = this.#loads[b] ?? 0
    return x < y || (x === y && (this.#passes[a] ?? 0) < (this.#passes[b] ?? 0))
  }

  #learn (targets: readonly Target[]): void {
    this.#placed.forEach((place, i) => { place.leave(this.#passes[i] ?? 0) })
    this.#known = targets
    this.#strides = Float64Array.from(targets, ({ weight }) => 1 / weight)
    this.#loads = Float64Array.from(targets, load)
    this.#placed = targets.map((target, i) => this.#placeOf(target, i))
    // A weight that has grown makes for shorter turns.
    this.#passes = Float64Array.from(this.#placed, ({ pass }, i) => Math.min(pass, this.#turn + (this.#strides[i] ?? 0)))
    this.#order = new Tournament(targets.length, (a, b) => this.#isBefore(a, b))
  }

  #placeOf (target: Target, index: number): Place {
    let place = this.#places.get(target)
    if (place === undefined) {
      // A newcomer is less than one turn ahead, so that many gateways that start together do not all begin with the same target.
      place = new Place(this, this.#turn + this.#clock.random() / target.weight)
      this.#places.set(target, place)
      target.watchLoad(place)
    }
    place.index = index
    return place
  }
}

/** A target's place in line, which it keeps while it is away. */
class Place implements LoadWatcher {
  readonly #line: Line
  /** -1 while it is away. */
  index = -1
  pass: number

  constructor (line: Line, pass: number) {
    this.#line = line
    this.pass = pass
  }

  leave (pass: number): void {
    this.index = -1
    this.pass = pass
  }

  loadChanged (target: Target): void {
    if (this.index >= 0) this.#line.moved(this.index, target)
  }
}
