import type { Machine } from './machine.js'
import type { WorkloadResult } from './measurement.js'

/** All that is known. */
export interface Result {
  readonly machine: Machine
  /** The commit that was measured last. */
  readonly commit: string
  readonly pins: string
  /** By candidate. */
  readonly about: Readonly<Record<string, string>>
  readonly versions: Readonly<Record<string, string>>
  readonly workloads: readonly WorkloadResult[]
}

/** What is new, and what was known of the workloads that were not run, if it was found on such a machine. */
export function merged (older: Result | undefined, newer: Result): Result {
  if (older === undefined || JSON.stringify(older.machine) !== JSON.stringify(newer.machine)) return newer
  const kept = older.workloads.filter(({ name }) => !newer.workloads.some(workload => workload.name === name))
  return {
    ...newer,
    about: { ...older.about, ...newer.about },
    versions: { ...older.versions, ...newer.versions },
    workloads: [...kept, ...newer.workloads]
  }
}
