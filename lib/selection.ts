import type { Clock } from './clock.js'
import { PolicyError } from './errors.js'
import type { Pick, Policy } from './policy.js'
import type { Target } from './target.js'

export interface SelectionSettings {
  readonly clock: Clock
  /** Makes a policy. Each tier has its own, so that going back and forth between tiers disturbs no rotation. */
  readonly policy: () => Policy
  /** Share of usable targets below which health is ignored. */
  readonly panic: number
  /** The pool's own zone, whose targets are preferred; undefined prefers none. */
  readonly zone: string | undefined
  /**
   * How much more than its part a target is taken to be good for: at 1.4 a tier keeps all of its traffic until less than
   * 1 / 1.4, about 71 %, of its targets are up (Envoy's overprovisioning factor).
   */
  readonly overprovisioning: number
  /** Whether targets have limits of their own. */
  readonly limited: boolean
}

/** What a request may say besides what its policy goes by. */
export interface Choice extends Pick {
  /** Whether the target with this URL is the one that the client belongs to. */
  readonly stick?: ((url: string) => boolean) | undefined
}

/** Targets of one tier and zone that may be used, and the part of the traffic that is theirs. */
interface Group {
  readonly policy: Policy
  readonly targets: readonly Target[]
  readonly share: number
}

/**
 * Who may be picked. Worked out once when membership, weights or health change, so that a pick filters nothing: a policy gets
 * an array that is replaced and never changed.
 *
 * Tiers are used in their order, and within a tier the pool's own zone comes first. Traffic moves on to the next one little by
 * little as targets of the ones before fail, and for single requests when those are full or have been tried.
 */
export class Selection {
  readonly #settings: SelectionSettings
  readonly #policies = new Map<number | string, Policy>()
  /** In order of preference; those with a share of 0 stand by. */
  #groups: readonly Group[] = []
  /** Left out of all groups, and not by an operator: asked when there is nobody else. */
  #others: readonly Target[] = []
  #panicking = false

  constructor (settings: SelectionSettings) {
    this.#settings = settings
  }

  /** Whether too few targets are up, so that health is ignored. */
  get panicking (): boolean { return this.#panicking }

  /** Whether there is nobody at all. */
  get empty (): boolean { return this.#groups.length === 0 }

  /**
   * Takes in what has changed.
   *
   * @param newcomers those that have yet to pass their first probe
   * @returns how many are up, of how many that count
   */
  refresh (members: readonly Target[], newcomers: ReadonlySet<Target>): { readonly up: number, readonly of: number } {
    const staying = members.filter(({ standing }) => !standing.withdrawn)
    const tiers = [...tiersOf(staying, this.#settings.zone)].map(([key, targets]) => this.#tier(key, targets, newcomers))
    const up = tiers.reduce((sum, tier) => sum + tier.up.length, 0)
    const of = up === 0 ? staying.length : tiers.reduce((sum, tier) => sum + tier.usable.length, 0)
    this.#panicking = false
    if (up === 0) {
      // Anybody may have recovered since we last heard of them. Newcomers too: there is nobody else.
      this.#panicking = staying.length > 0
      this.#groups = staying.length === 0 ? [] : [{ policy: this.#policyOf(tiers[0]?.key ?? 0), targets: staying, share: 1 }]
    } else {
      this.#groups = this.#groupsOf(tiers)
    }
    const chosen = new Set(this.#groups.flatMap(({ targets }) => targets))
    this.#others = staying.filter(target => !chosen.has(target))
    return { up, of }
  }

  /** Whether somebody can take a request now. */
  hasRoom (): boolean {
    return !this.#settings.limited || this.#groups.some(({ targets }) => targets.some(target => !target.full))
  }

  /**
   * Whether there is somebody left to ask.
   *
   * @param lastResort whether those that are thought to be down count
   */
  hasUntried (tried: readonly Target[], lastResort: boolean): boolean {
    const isLeft = (target: Target): boolean => !tried.includes(target) && !target.full
    return this.#groups.some(({ targets }) => targets.some(isLeft)) || (lastResort && this.#others.some(isLeft))
  }

  /**
   * Picks a target that has not been tried and is not full; undefined when there is none.
   *
   * @param lastResort whether those that are thought to be down are better than nobody
   * @throws PolicyError
   */
  choose (choice: Choice, tried: readonly Target[], lastResort: boolean): Target | undefined {
    const own = choice.stick === undefined || tried.length > 0 ? undefined : this.#stuckTo(choice.stick)
    if (own !== undefined) return own
    const drawn = this.#draw()
    const target = drawn === undefined ? undefined : this.#pick(drawn, choice, tried)
    if (target !== undefined) return target
    for (const group of this.#groups) {
      const other = group === drawn ? undefined : this.#pick(group, choice, tried)
      if (other !== undefined) return other
    }
    if (!lastResort || this.#others.length === 0) return undefined
    return this.#pick({ policy: this.#policyOf('others'), targets: this.#others, share: 0 }, choice, tried)
  }

  #pick ({ policy, targets }: Group, choice: Choice, tried: readonly Target[]): Target | undefined {
    const { limited } = this.#settings
    let candidates = targets
    if (tried.length > 0) candidates = candidates.filter(target => !tried.includes(target))
    if (candidates.length === 0) return undefined
    let target = asked(policy, candidates, choice)
    if (limited && target.full) {
      candidates = candidates.filter(candidate => !candidate.full)
      if (candidates.length === 0) return undefined
      target = asked(policy, candidates, choice)
    }
    if (target.takesTurn()) return target
    const others = candidates.filter(candidate => candidate !== target && !(limited && candidate.full))
    // Less than its share is a wish: where there is nobody else it takes the request all the same.
    return others.length === 0 ? target : asked(policy, others, choice)
  }

  /** The target that a client belongs to, unless it is gone, not well or full: then another takes over. */
  #stuckTo (isOwn: (url: string) => boolean): Target | undefined {
    for (const { targets } of this.#groups) {
      const own = targets.find(({ url }) => isOwn(url))
      if (own !== undefined) return own.health === 'up' && !own.full ? own : undefined
    }
    return undefined
  }

  /** The group whose turn it is by its share. */
  #draw (): Group | undefined {
    const [first] = this.#groups
    if (first === undefined || first.share >= 1) return first
    let point = this.#settings.clock.random()
    for (const group of this.#groups) {
      point -= group.share
      if (point < 0) return group
    }
    return first
  }

  #tier (key: number, targets: readonly Target[], newcomers: ReadonlySet<Target>): Tier {
    const known = targets.filter(target => !newcomers.has(target))
    const up = targets.filter(({ health }) => health === 'up' || health === 'trial')
    // To panic is to send to those that may be well after all. That is not so of those that can not be connected to, nor of those
    // that ask to be left alone.
    const usable = known.filter(({ health, standing }) => !standing.unreachable && health !== 'draining')
    const capacity = known.length === 0 ? 0 : Math.min(1, this.#settings.overprovisioning * up.length / known.length)
    return { key, up, usable, capacity }
  }

  #groupsOf (tiers: readonly Tier[]): readonly Group[] {
    const { panic } = this.#settings
    const capacity = tiers.reduce((sum, tier) => sum + tier.capacity, 0)
    let left = 1
    return tiers.flatMap(tier => {
      // Others have enough for everybody: no reason to trust those that are down.
      const panicking = (tiers.length === 1 || capacity < 1) && tier.up.length < tier.usable.length * panic
      if (panicking) this.#panicking = true
      const targets = panicking ? tier.usable : tier.up
      if (targets.length === 0) return []
      const share = capacity < 1 ? tier.capacity / capacity : Math.min(tier.capacity, left)
      left -= share
      return [{ policy: this.#policyOf(tier.key), targets, share }]
    })
  }

  #policyOf (key: number | string): Policy {
    let policy = this.#policies.get(key)
    if (policy === undefined) {
      policy = this.#settings.policy()
      this.#policies.set(key, policy)
    }
    return policy
  }
}

interface Tier {
  readonly key: number
  readonly up: readonly Target[]
  /** Those that are used when health is ignored. */
  readonly usable: readonly Target[]
  /** Part of all traffic that it can take. */
  readonly capacity: number
}

/** By priority, and within one the own zone before all others. */
function tiersOf (targets: readonly Target[], zone: string | undefined): ReadonlyMap<number, readonly Target[]> {
  const tiers = new Map<number, Target[]>()
  for (const target of targets) {
    const key = target.priority * 2 + (zone !== undefined && target.zone !== zone ? 1 : 0)
    const tier = tiers.get(key)
    if (tier === undefined) tiers.set(key, [target])
    else tier.push(target)
  }
  return new Map([...tiers].sort(([a], [b]) => a - b))
}

function asked (policy: Policy, candidates: readonly Target[], { key, attempt }: Pick): Target {
  let target: Target
  try {
    target = policy(candidates, { key, attempt })
  } catch (error) {
    throw PolicyError('it threw', { cause: error })
  }
  if (!candidates.includes(target)) throw PolicyError('it returned something that is not one of the targets it was given')
  return target
}
