/** What is said of pools and targets, in words. The page says the same ones: this file runs in browsers too. */

export interface Described {
  readonly health: string
  readonly reason?: string | undefined
  /** Milliseconds since 1970. */
  readonly since: number
  /** When its ejection ends, in milliseconds since 1970. */
  readonly until?: number | undefined
  /** Why it would be ejected if it could. */
  readonly failing?: string | undefined
}

/** How a target is, since when and why: `down for 2 min: ejected: status 500, until it is tried again in 12 s`. */
export function targetWords ({ health, reason, since, until, failing }: Described, now: number): string {
  const state = health === 'trial' ? 'on trial' : health
  if (health === 'up' && failing !== undefined) return `up for ${duration(now - since)}, but it fails: ${failing}; it stays in rotation, as too few others are up`
  const why = reason === undefined ? '' : `: ${REASONS[reason] ?? reason}`
  const next = health !== 'down' || until === undefined || until <= now ? '' : `, to be tried again in ${duration(until - now)}`
  return `${state} for ${duration(now - since)}${why}${next}`
}

const REASONS: Readonly<Record<string, string>> = {
  drained: 'drained by an operator',
  'weight 0': 'drained by its weight, which is 0'
}

export interface DescribedPool {
  readonly panicking: boolean
  readonly load: { readonly inFlight: number, readonly waiting: number }
  readonly limits: { readonly inFlight: number, readonly queue: number }
  readonly budgetLeft?: number | undefined
  readonly discovery?: { readonly failure?: string | undefined, readonly failedAt?: number | undefined } | undefined
  readonly up: number
  readonly of: number
}

/** What an operator should know of a pool at once; empty while there is nothing. */
export function poolWarnings ({ panicking, load, limits, budgetLeft, discovery, up, of }: DescribedPool, now: number): string[] {
  const warnings: string[] = []
  if (of === 0) warnings.push('there is no target that may be used')
  else if (up === 0) warnings.push(`no target of ${of} is up`)
  if (panicking) warnings.push(`panic: ${up} of ${of} targets ${up === 1 ? 'is' : 'are'} up, which is too few, so health is ignored and all are used`)
  if (load.waiting > 0) {
    warnings.push(load.waiting >= limits.queue
      ? `the queue is full: ${load.waiting} of ${limits.queue} requests wait, and more are turned away with a 503`
      : `${load.waiting} of ${limits.queue} requests that may wait do: ${load.inFlight} are in flight`)
  }
  if (budgetLeft !== undefined && budgetLeft < 1) warnings.push('the retry budget is spent: requests that fail are not sent to another target')
  if (discovery?.failure !== undefined) {
    warnings.push(`discovery has failed${discovery.failedAt === undefined ? '' : ` for ${duration(now - discovery.failedAt)}`}, so the last list stays in use: ${discovery.failure}`)
  }
  return warnings
}

/** Milliseconds in one unit that says enough: `850 ms`, `12 s`, `2 min`, `3 h`, `5 d`. */
export function duration (ms: number): string {
  const time = Math.max(0, ms)
  if (time < 1000) return `${Math.round(time)} ms`
  for (const [size, unit, below] of UNITS) if (time < size * below) return `${Math.floor(time / size)} ${unit}`
  return `${Math.floor(time / DAY)} d`
}

const DAY = 86_400_000
const UNITS: ReadonlyArray<readonly [size: number, unit: string, below: number]> = [[1000, 's', 120], [60_000, 'min', 120], [3_600_000, 'h', 48]]

/** The sicker, the sooner it is listed; 0 is well. */
export function severity ({ health, failing }: Pick<Described, 'health' | 'failing'>): number {
  return SEVERITIES[health] ?? (failing === undefined ? 0 : SEVERITIES['down'] ?? 0)
}

const SEVERITIES: Readonly<Record<string, number>> = { down: 3, trial: 2, draining: 1 }
