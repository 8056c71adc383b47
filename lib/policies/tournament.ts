/**
 * Which of so many indexes comes first, while few of them change at a time: asking costs nothing, a change O(log n). Of two that
 * are level the lower index comes first, as in a search from the front.
 */
export class Tournament {
  readonly #before: (a: number, b: number) => boolean
  /** A power of 2. */
  readonly #leaves: number
  /** Node k has the winner of nodes 2k and 2k + 1, node 1 that of all; the leaves are the last half. -1 is nobody. */
  readonly #winners: Int32Array

  /** @param before whether index `a` comes before index `b`, by something that only changes along with a call of `changed` */
  constructor (size: number, before: (a: number, b: number) => boolean) {
    this.#before = before
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, size)))
    this.#winners = new Int32Array(2 * this.#leaves).fill(-1)
    for (let i = 0; i < size; i++) this.#winners[this.#leaves + i] = i
    for (let node = this.#leaves - 1; node > 0; node--) this.#winners[node] = this.#play(node)
  }

  /** -1 when there is none. */
  get first (): number { return this.#winners[1] ?? -1 }

  /** The index has another place now. */
  changed (index: number): void {
    const winners = this.#winners
    for (let node = (this.#leaves + index) >> 1; node > 0; node >>= 1) {
      const winner = this.#play(node)
      // It has lost here as it did before: nothing is different further up.
      if (winner !== index && winner === winners[node]) return
      winners[node] = winner
    }
  }

  #play (node: number): number {
    const left = this.#winners[2 * node] ?? -1
    const right = this.#winners[2 * node + 1] ?? -1
    return right >= 0 && this.#before(right, left) ? right : left
  }
}
