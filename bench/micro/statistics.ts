/** The middle one, or the mean of the middle two. */
export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = NaN, high = NaN] = sorted.length % 2 === 1 ? [sorted[middle], sorted[middle]] : [sorted[middle - 1], sorted[middle]]
  return (low + high) / 2
}

/** Each of `values` by its counterpart of the same round, so that what disturbs a round disturbs both. */
export function ratios (values: readonly number[], base: readonly number[]): number[] {
  return values.map((value, i) => value / (base[i] ?? NaN))
}
