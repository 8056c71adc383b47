/** What has been found, and what is promised. */
export interface Finding {
  readonly what: string
  readonly found: number
  readonly limit: number
  readonly unit: string
  /** More about it, that nothing is promised of. */
  readonly besides: string
}

export function holds ({ found, limit }: Finding): boolean {
  return found <= limit
}

export function table (findings: readonly Finding[]): string {
  return findings.map(finding => {
    const { what, found, limit, unit, besides } = finding
    return `${holds(finding) ? 'holds' : 'DOES NOT HOLD'}: ${what}: ${found.toFixed(2)} ${unit}, at most ${limit}${besides === '' ? '' : ` (${besides})`}\n`
  }).join('')
}
