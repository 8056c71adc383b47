/** What tests of policies share: targets by letter, counted picks, and whether counts fit shares. */
import { Target } from '../../lib/target.js'
import type { Policy } from '../../lib/policy.js'
import { VirtualClock } from '../kit/clock.js'
import { targetSettings } from '../kit/target.js'

const settings = targetSettings(new VirtualClock())

/** Targets with these weights in joining order, called a, b, c, … and after z by their number. */
export function targetsOf (...weights: readonly number[]): readonly Target[] {
  return Object.freeze(weights.map((weight, id) => targetOf(id, weight)))
}

export function targetOf (id: number, weight = 1): Target {
  const name = id < 26 ? String.fromCharCode(97 + id) : String(id)
  return new Target({ url: `http://${name}.test`, weight, priority: 0, zone: undefined }, id, settings)
}

export function nameOf (target: Target): string {
  return target.url.slice('http://'.length, -'.test'.length)
}

/** The targets with these names, as a new array. */
export function only (targets: readonly Target[], names: string): readonly Target[] {
  return Object.freeze(targets.filter(target => names.includes(nameOf(target))))
}

/** The targets but for those with these names, as a new array. */
export function without (targets: readonly Target[], names: string): readonly Target[] {
  return Object.freeze(targets.filter(target => !names.includes(nameOf(target))))
}

/** One pick for a request without a key. */
export function pickOf (policy: Policy, targets: readonly Target[], attempt = 0): Target {
  return policy(targets, { key: undefined, attempt })
}

/** The names of `count` picks in a row, none of which stays in flight. */
export function sequence (policy: Policy, targets: readonly Target[], count: number): string[] {
  return Array.from({ length: count }, () => nameOf(pickOf(policy, targets)))
}

/** How often each target was picked, in the order of the targets. */
export function tally (picked: readonly string[], targets: readonly Target[]): number[] {
  const counts = new Map<string, number>()
  for (const name of picked) counts.set(name, (counts.get(name) ?? 0) + 1)
  return targets.map(target => counts.get(nameOf(target)) ?? 0)
}

/** Puts `count` requests in flight on a target that stay there. */
export function occupy (target: Target, count: number): void {
  for (let i = 0; i < count; i++) target.begin()
}

/** `values` as shares of their sum. */
export function shares (values: readonly number[]): number[] {
  const sum = values.reduce((a, b) => a + b, 0)
  return values.map(value => value / sum)
}

/** Standard normal deviates that chance exceeds once in so many times. */
const ONCE_IN = { 1e3: 3.0902, 1e6: 4.7534 } as const

/**
 * Whether chance explains how counts differ from the shares they are drawn from: Pearson's chi-square test, its
 * bound by Wilson and Hilferty's approximation (1931), which is a little too wide for few degrees of freedom.
 *
 * @param rarity true shares are rejected once in this many tests
 */
export function fits (observed: readonly number[], expected: readonly number[], rarity: keyof typeof ONCE_IN = 1e3): boolean {
  const total = observed.reduce((a, b) => a + b, 0)
  const chi2 = observed.reduce((sum, count, i) => {
    const mean = total * (expected[i] ?? 0)
    return sum + (count - mean) ** 2 / mean
  }, 0)
  const freedom = observed.length - 1
  if (freedom === 0) return true
  const spread = 2 / (9 * freedom)
  return chi2 <= freedom * (1 - spread + ONCE_IN[rarity] * Math.sqrt(spread)) ** 3
}
