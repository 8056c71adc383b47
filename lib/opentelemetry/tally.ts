/** Counts by several keys, one below the other: to add to one costs less than to make attributes of them. */
export class Tally {
  count = 0
  readonly #below = new Map<string, Tally>()

  at (key: string): Tally {
    let below = this.#below.get(key)
    if (below === undefined) this.#below.set(key, below = new Tally())
    return below
  }

  get below (): Iterable<readonly [key: string, tally: Tally]> { return this.#below }

  /** Forgets what is below a key. */
  delete (key: string): void { this.#below.delete(key) }
}
