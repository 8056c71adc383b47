import { Tournament } from './tournament.js'

/** After so many picks what is due is written down anew: a difference of large numbers loses its fractions. */
const MOST_TURNS = 2 ** 20

/**
 * Smooth weighted round robin: with every pick each index earns its weight, the one that is owed most is picked and pays the sum of
 * all weights.
 *
 * Among those of one weight, which all earn the same, a pick moves none but the picked one. So each weight keeps its own in order,
 * and a pick compares only the first of each.
 */
export class SmoothTurns {
  /** The sum of all weights. */
  readonly total: number
  /** What each index is owed, less what it has earned by its weight in the last `turns` picks. */
  readonly #due: Float64Array
  readonly #weightOf: readonly number[]
  #turns = 0
  /** The different weights, and for each of them those that have it, in their order, and who of them is first. */
  readonly #weights: Float64Array
  readonly #orders: readonly Tournament[]
  readonly #members: readonly Int32Array[]
  readonly #firsts: Int32Array
  /** For each index, its place among those of its weight. */
  readonly #places: Int32Array

  /** @param owed what each index is owed, in picks */
  constructor (weights: readonly number[], owed: (index: number) => number) {
    this.total = weights.reduce((sum, weight) => sum + weight, 0)
    this.#due = Float64Array.from(weights, (_, i) => owed(i) * this.total)
    this.#weightOf = weights
    this.#places = new Int32Array(weights.length)
    const byWeight = new Map<number, number[]>()
    weights.forEach((weight, i) => {
      const members = byWeight.get(weight)
      this.#places[i] = members?.length ?? 0
      if (members === undefined) byWeight.set(weight, [i])
      else members.push(i)
    })
    this.#weights = Float64Array.from(byWeight.keys())
    this.#members = Array.from(byWeight.values(), members => Int32Array.from(members))
    this.#orders = this.#members.map(members => new Tournament(members.length, (a, b) => this.#dueTo(members[a]) > this.#dueTo(members[b])))
    this.#firsts = Int32Array.from(this.#members, (members, i) => members[this.#orders[i]?.first ?? 0] ?? 0)
  }

  /** What an index is owed, in picks. */
  owed (index: number): number {
    return (this.#dueTo(index) + this.#turns * (this.#weightOf[index] ?? 0)) / this.total
  }

  /** What an index is owed once it has earned its weight for the next pick, in picks: who is owed most is picked. */
  owedNext (index: number): number {
    return this.owed(index) + (this.#weightOf[index] ?? 0) / this.total
  }

  next (): number {
    this.#turns++
    const best = this.#bestOf(this.#turns)
    const picked = this.#firsts[best] ?? 0
    this.#due[picked] = this.#dueTo(picked) - this.total
    const order = this.#orders[best]
    order?.changed(this.#places[picked] ?? 0)
    this.#firsts[best] = this.#members[best]?.[order?.first ?? 0] ?? 0
    if (this.#turns >= MOST_TURNS) this.#writeDown()
    return picked
  }

  /** Whom `next` would pick. */
  peek (): number {
    return this.#firsts[this.#bestOf(this.#turns + 1)] ?? 0
  }

  /** The weight whose first is owed most. */
  #bestOf (turns: number): number {
    let best = 0
    let most = -Infinity
    for (let i = 0; i < this.#firsts.length; i++) {
      const due = this.#dueTo(this.#firsts[i]) + turns * (this.#weights[i] ?? 0)
      if (due > most || (due === most && (this.#firsts[i] ?? 0) < (this.#firsts[best] ?? 0))) {
        best = i
        most = due
      }
    }
    return best
  }

  #dueTo (index: number | undefined): number {
    return this.#due[index ?? 0] ?? 0
  }

  /** Changes no order: all of one weight have earned the same. */
  #writeDown (): void {
    this.#weightOf.forEach((weight, i) => { this.#due[i] = this.#dueTo(i) + this.#turns * weight })
    this.#turns = 0
  }
}
