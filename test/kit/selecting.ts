/** A selection over targets that send nothing, on a clock of the test's own. */
import { ownPolicy } from '../../lib/policies/own.js'
import { POLICIES } from '../../lib/pool-options.js'
import type { Policy } from '../../lib/policy.js'
import { Selection, type SelectionSettings } from '../../lib/selection.js'
import { Target, type TargetSettings } from '../../lib/target.js'
import { VirtualClock } from './clock.js'
import { targetSettings } from './target.js'

/** A name of a policy, or one of the test's own. */
export type Policed = keyof typeof POLICIES | Policy

/** What one of the targets is: its weight, its tier and its zone. */
export interface Member { readonly weight?: number, readonly priority?: number, readonly zone?: string | undefined }

export interface Selecting {
  readonly clock: VirtualClock
  readonly selection: Selection
  /** Called a, b, c, … */
  readonly targets: readonly Target[]
  readonly newcomers: Set<Target>
  readonly target: (name: string) => Target
  /** Changes something, which the selection then takes in. */
  readonly change: (name: string, change: (target: Target) => void) => void
  /** How many of `count` picks each target gets, none of which stays in flight. */
  readonly picks: (count: number) => Record<string, number>
  /** The name of one pick, after `tried`. */
  readonly pick: (tried?: string, lastResort?: boolean) => string | undefined
}

export function nameOf (target: Target): string { return target.url.slice('http://'.length, -'.test'.length) }

export function selecting (
  members: readonly Member[],
  policy: Policed = 'round-robin',
  settings: Partial<SelectionSettings> = {},
  limits: Partial<TargetSettings> = {}
): Selecting {
  const clock = new VirtualClock()
  const own = targetSettings(clock, limits)
  const targets = members.map(({ weight = 1, priority = 0, zone }, i) =>
    new Target({ url: `http://${String.fromCharCode(97 + i)}.test`, weight, priority, zone }, i, own))
  const newcomers = new Set<Target>()
  const selection = new Selection({
    clock,
    policy: () => typeof policy === 'function' ? ownPolicy(policy) : POLICIES[policy](clock),
    followsLoad: typeof policy === 'function' || policy === 'least-requests' || policy === 'p2c',
    panic: 0.5,
    zone: undefined,
    overprovisioning: 1.4,
    limited: own.limits.target > 0,
    ...settings
  })
  selection.refresh(targets, newcomers)
  const target = (name: string): Target => {
    const found = targets.find(one => nameOf(one) === name)
    if (found === undefined) throw new Error(`no target ${name}`)
    return found
  }
  const choose = (tried: readonly Target[], lastResort: boolean): Target | undefined =>
    selection.choose({ key: undefined, attempt: tried.length }, tried, lastResort)
  return {
    clock,
    selection,
    targets,
    newcomers,
    target,
    change (name, change) {
      change(target(name))
      selection.refresh(targets, newcomers)
    },
    picks (count) {
      const counts = Object.fromEntries(targets.map(one => [nameOf(one), 0]))
      for (let i = 0; i < count; i++) {
        const picked = choose([], true)
        const name = picked === undefined ? 'nobody' : nameOf(picked)
        counts[name] = (counts[name] ?? 0) + 1
      }
      return counts
    },
    pick (tried = '', lastResort = true) {
      const picked = choose([...tried].map(target), lastResort)
      return picked === undefined ? undefined : nameOf(picked)
    }
  }
}
