/** Of an even number of values the mean of the two in the middle; NaN of none. */
export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [upper, lower] = [sorted[Math.floor(middle)] ?? NaN, sorted[Math.ceil(middle) - 1] ?? NaN]
  return (upper + lower) / 2
}

export interface Ratio {
  readonly median: number
  readonly min: number
  readonly max: number
}

/**
 * Of each value to that of the same place in `reference`: what was measured a moment apart is compared, so that a machine which is slow
 * for a while does not matter. Pairs in which one is missing are left out; undefined when no pair is left.
 */
export function ratio (values: ReadonlyArray<number | undefined>, reference: ReadonlyArray<number | undefined>): Ratio | undefined {
  const ratios = values.flatMap((value, i) => {
    const other = reference[i]
    return value === undefined || other === undefined ? [] : [value / other]
  })
  if (ratios.length === 0) return undefined
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) }
}

/** Each of `values` by its counterpart of the same round, so that what disturbs a round disturbs both. */
export function ratios (values: readonly number[], base: readonly number[]): number[] {
  return values.map((value, i) => value / (base[i] ?? NaN))
}
