import type { Ability, Setup } from './candidate.js'
import { OURS } from './candidates.js'
import type { Plan } from './load/load.js'

/** One file of `workloads/`, named as it is called. */
export interface Workload {
  /** A line for the tables. */
  readonly about: string
  readonly needs: Ability
  readonly plan: Plan
  /** What a gateway passes on: 'request' unless the plan says otherwise. */
  readonly unit?: 'request' | 'message' | 'event'
  /** Whether the upstream speaks TLS. Default: false. */
  readonly tls?: boolean
  /** What every candidate is given besides targets. */
  readonly setup?: Pick<Setup, 'routes' | 'websocket'>
  /** Whom the others are compared with, where there is a choice. Default: reply-from. */
  readonly reference?: string
  /** Ours against ours, in groups whose first variant is what the others of the group are compared with. Default: all candidates are compared. */
  readonly variants?: ReadonlyArray<readonly Variant[]>
}

export interface Variant {
  readonly label: string
  readonly options: Readonly<Record<string, unknown>>
  /** How many targets the pool has: the one upstream under so many base paths. Default: 1, without a base path. */
  readonly targets?: number
}

/** What is measured in turn, and compared with the reference. */
export interface Comparison {
  readonly reference: string
  readonly entries: readonly Entry[]
}

export interface Entry {
  readonly label: string
  readonly candidate: string
  readonly variant?: Variant
}

/** `able` are the names of the candidates that can do what the workload needs, in order. */
export function comparisonsOf (workload: Workload, able: readonly string[]): readonly Comparison[] {
  if (workload.variants !== undefined) {
    if (!able.includes(OURS)) return []
    return workload.variants.map(variants => ({
      reference: variants[0]?.label ?? '', entries: variants.map(variant => ({ label: variant.label, candidate: OURS, variant }))
    }))
  }
  const wish = workload.reference ?? 'reply-from'
  const reference = able.includes(wish) ? wish : able[0]
  return reference === undefined ? [] : [{ reference, entries: able.map(name => ({ label: name, candidate: name })) }]
}
