/**
 * Counts values by bucket. To observe one is a short search and three additions: no labels are looked up and nothing is allocated, since
 * it happens for every attempt.
 */
export class Histogram {
  /** Upper bounds, smallest first. */
  readonly bounds: readonly number[]
  /** One for each bound, and one for what is above all of them. Not cumulative. */
  readonly #counts: Float64Array
  #sum = 0

  constructor (bounds: readonly number[]) {
    this.bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  get sum (): number { return this.#sum }

  observe (value: number): void {
    const { bounds } = this
    const { length } = bounds
    let i = 0
    // Most values are in the first half, and there are a dozen buckets: no search beats this one.
    while (i < length && value > (bounds[i] ?? Infinity)) i++
    this.#counts[i] = (this.#counts[i] ?? 0) + 1
    this.#sum += value
  }

  /** How many values are at or below each bound, and last how many there are. */
  cumulative (): number[] {
    let total = 0
    return Array.from(this.#counts, count => (total += count))
  }
}
