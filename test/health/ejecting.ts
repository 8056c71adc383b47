/** An ejector over targets that send nothing: the test says what their attempts came to. */
import { poolCounters } from '../../lib/counters.js'
import type { Outcome } from '../../lib/outcome.js'
import { Ejector, type EjectorSettings } from '../../lib/health/ejector.js'
import { consecutiveFaults } from '../../lib/health/passive.js'
import { isFault } from '../../lib/outcome.js'
import type { Target } from '../../lib/target.js'
import { VirtualClock } from '../kit/clock.js'
import { aTarget } from './kit.js'

export const WELL: Outcome = { kind: 'answered', status: 200, latency: 1 }
export const BAD: Outcome = { kind: 'answered', status: 500, latency: 1 }
export const REFUSED: Outcome = { kind: 'unsent', error: new Error('refused') }
export const RESET: Outcome = { kind: 'failed', error: new Error('reset') }
export const GONE: Outcome = { kind: 'aborted', error: new Error('gone') }

export interface Ejecting {
  readonly clock: VirtualClock
  readonly ejector: Ejector
  readonly targets: Target[]
  readonly at: (index: number) => Target
  /** Lets attempts that begin now come to this. */
  readonly record: (index: number, outcome: Outcome, times?: number) => void
  /** The health of all targets. */
  readonly health: () => string[]
  /** Every change: who, what it was and is, and why. */
  readonly changes: string[]
}

/** Ejects after two faults, for 1 s, 2 s, 4 s up to 8 s; nothing is left to chance. Ejections end by time unless told otherwise. */
export function ejecting (count: number, settings: Partial<EjectorSettings> = {}): Ejecting {
  const clock = new VirtualClock()
  const targets = Array.from({ length: count }, (_, i) => aTarget(clock, `http://127.0.0.1:${i + 1}`, i))
  const changes: string[] = []
  const ejector = new Ejector({
    clock,
    tls: {},
    timeout: 1000,
    breaker: consecutiveFaults(2, isFault),
    isFault,
    ejection: { base: 1000, max: 8000, jitter: 0 },
    maxEjected: 0.5,
    reconnect: 0,
    counters: poolCounters(),
    members: () => targets,
    change (target, change, reason) {
      const was = target.health
      change()
      changes.push(`${target.id} ${was} → ${target.health}: ${reason}`)
    },
    ...settings
  })
  const at = (index: number): Target => {
    const target = targets[index]
    if (target === undefined) throw new RangeError(`no target ${index}`)
    return target
  }
  return {
    clock,
    ejector,
    targets,
    at,
    record (index, outcome, times = 1) { for (let i = 0; i < times; i++) ejector.record(at(index), outcome, at(index).standing.era) },
    health: () => targets.map(({ health }) => health),
    changes
  }
}
