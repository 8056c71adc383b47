/** Percentiles 50 and 99 of many numbers. */
export function percentiles (values) {
  const sorted = Float64Array.from(values).sort()
  const at = share => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null
  return { p50: at(0.5), p99: at(0.99) }
}
