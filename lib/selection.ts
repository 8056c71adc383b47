import type { Belonging } from './affinity.js'
import type { Clock } from './clock.js'
import type { Pick, Policy } from './policy.js'
import { Part } from './slow-start.js'
import type { Target } from './target.js'

export interface SelectionSettings {
  readonly clock: Clock
  /** Makes a policy. Each tier has its own, so that going back and forth between tiers disturbs no rotation. */
  readonly policy: () => Policy
  /** Whether a policy may go by what is in flight: then a target that turns requests down is picked all the more. */
  readonly followsLoad: boolean
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
  /** Finds the target that the client belongs to. */
  readonly stick?: Belonging | undefined
  /** Whether it is a stream, for which limits of requests do not hold. */
  readonly stream?: boolean | undefined
  /** Is told of the choice; undefined for nearly all. */
  readonly trace?: SelectionTrace | undefined
}

/** Is told how a choice came about. */
export interface SelectionTrace {
  /** A choice is about to be made; nothing has been drawn yet. */
  choosing (view: SelectionView, choice: Choice, tried: readonly Target[], lastResort: boolean): void
  /** By chance it is the turn of this group. */
  drew (group: Group): void
  /** The policy has picked a target that did not take the request. */
  passedOver (target: Target): void
}

/** What a choice is made from, to look at. */
export interface SelectionView {
  readonly members: readonly Target[]
  readonly newcomers: ReadonlySet<Target>
  /** In order of preference. */
  readonly groups: readonly Group[]
  /** Asked when there is nobody else. */
  readonly others: readonly Target[]
  /** The policy that picks among those. */
  readonly policyOfOthers: Policy
  readonly panicking: boolean
  readonly zone: string | undefined
  readonly limited: boolean
  readonly followsLoad: boolean
}

/** Targets of one tier and zone that may be used, and the part of the traffic that is theirs. */
export interface Group {
  readonly rotation: Rotation
  readonly targets: readonly Target[]
  readonly share: number
  /** The sum of their weights. */
  readonly weight: number
}

/** A policy, and how many picks it has been asked for. */
export interface Rotation {
  readonly policy: Policy
  picks: number
  /** Of targets that get less than their share. */
  readonly parts: WeakMap<Target, Part>
}

/**
 * Who may be picked. Worked out once when membership, weights or health change, so that a pick filters nothing: a policy gets
 * an array that is replaced and never changed.
 *
 * Tiers are used in their order, and within a tier the pool's own zone comes first. Traffic moves on to the next one little by
 * little as targets of the ones before fail, and for single requests when those are full or have been tried.
 */
export class Selection {
  #settings: SelectionSettings
  readonly #rotations = new Map<number | string, Rotation>()
  /** In order of preference; those with a share of 0 stand by. */
  #groups: readonly Group[] = []
  /** Left out of all groups, and not by an operator: asked when there is nobody else. */
  #others: readonly Target[] = []
  #panicking = false
  #members: readonly Target[] = []
  #newcomers: ReadonlySet<Target> = new Set()

  constructor (settings: SelectionSettings) {
    this.#settings = settings
  }

  /** Other settings, from the next `refresh` on. The place in a rotation is kept for as long as the policy is the same. */
  reconfigure (settings: SelectionSettings): void {
    if (settings.policy !== this.#settings.policy) this.#rotations.clear()
    this.#settings = settings
  }

  /** Whether too few targets are up, so that health is ignored. */
  get panicking (): boolean { return this.#panicking }

  /** What choices are made from now, for whoever explains them. */
  get view (): SelectionView {
    const { policy, zone, limited, followsLoad } = this.#settings
    return {
      members: this.#members,
      newcomers: this.#newcomers,
      groups: this.#groups,
      others: this.#others,
      // To look is not to begin a rotation.
      policyOfOthers: this.#rotations.get(OTHERS)?.policy ?? policy(),
      panicking: this.#panicking,
      zone,
      limited,
      followsLoad
    }
  }

  /** Whether there is nobody at all. */
  get empty (): boolean { return this.#groups.length === 0 }

  /**
   * Takes in what has changed.
   *
   * @param newcomers those that have yet to pass their first probe
   * @returns how many are up, of how many that count
   */
  refresh (members: readonly Target[], newcomers: ReadonlySet<Target>): { readonly up: number, readonly of: number } {
    this.#members = members
    this.#newcomers = newcomers
    const staying = members.filter(({ standing }) => !standing.withdrawn)
    const tiers = [...tiersOf(staying, this.#settings.zone)].map(([key, targets]) => this.#tier(key, targets, newcomers))
    const up = tiers.reduce((sum, tier) => sum + tier.up.length, 0)
    const of = up === 0 ? staying.length : tiers.reduce((sum, tier) => sum + tier.usable.length, 0)
    this.#panicking = false
    if (up === 0) {
      // Anybody may have recovered since we last heard of them. Newcomers too: there is nobody else.
      this.#panicking = staying.length > 0
      this.#groups = staying.length === 0 ? [] : [{ rotation: this.#rotationOf(tiers[0]?.key ?? 0), targets: staying, share: 1, weight: sumOfWeights(staying) }]
      this.#others = []
    } else {
      this.#groups = this.#groupsOf(tiers)
    }
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
  hasUntried (tried: readonly Target[], lastResort: boolean, stream: boolean): boolean {
    const isLeft = (target: Target): boolean => !tried.includes(target) && !isFull(target, stream)
    return this.#groups.some(({ targets }) => targets.some(isLeft)) || (lastResort && this.#others.some(isLeft))
  }

  /**
   * Picks a target that has not been tried and is not full; undefined when there is none.
   *
   * @param lastResort whether those that are thought to be down are better than nobody
   * @throws PolicyError
   */
  choose (choice: Choice, tried: readonly Target[], lastResort: boolean): Target | undefined {
    if (choice.trace !== undefined) choice.trace.choosing(this.view, choice, tried, lastResort)
    const own = choice.stick === undefined || tried.length > 0 ? undefined : this.#stuckTo(choice.stick, choice.stream)
    if (own !== undefined) return own
    const drawn = this.#draw(choice)
    // Less than its share is a wish: where there is nobody else, a target takes the request all the same.
    const target = this.#pickFrom(drawn, choice, tried, true) ?? this.#pickFrom(drawn, choice, tried, false)
    if (target !== undefined || !lastResort || this.#others.length === 0) return target
    return this.#pick({ rotation: this.#rotationOf(OTHERS), targets: this.#others, share: 0, weight: 0 }, choice, tried, false)
  }

  /** From the group whose turn it is, or else from the others in their order. */
  #pickFrom (drawn: Group | undefined, choice: Choice, tried: readonly Target[], inTurn: boolean): Target | undefined {
    const target = drawn === undefined ? undefined : this.#pick(drawn, choice, tried, inTurn)
    if (target !== undefined) return target
    for (const group of this.#groups) {
      const other = group === drawn ? undefined : this.#pick(group, choice, tried, inTurn)
      if (other !== undefined) return other
    }
    return undefined
  }

  /** @param inTurn whether a target may pass the request on to the others */
  #pick (group: Group, choice: Choice, tried: readonly Target[], inTurn: boolean): Target | undefined {
    const { rotation, targets } = group
    if (inTurn) rotation.picks++
    let candidates = tried.length === 0 ? targets : targets.filter(target => !tried.includes(target))
    while (candidates.length > 0) {
      const target = rotation.policy(candidates, choice)
      if (this.#takes(target, group, choice, inTurn)) return target
      choice.trace?.passedOver(target)
      candidates = without(target, candidates, choice.stream, this.#settings.limited)
    }
    return undefined
  }

  #takes (target: Target, group: Group, choice: Choice, inTurn: boolean): boolean {
    if (this.#settings.limited && isFull(target, choice.stream)) return false
    return !inTurn || target.standing.whole || target.takesTurn(this.#due(group, target))
  }

  /** What being picked is worth to a target that gets less than its share: a turn, or a part of one when it is picked too often. */
  #due ({ rotation, weight }: Group, target: Target): number {
    if (!this.#settings.followsLoad) return 1
    const { picks, parts } = rotation
    let part = parts.get(target)
    if (part === undefined) {
      part = new Part(picks)
      parts.set(target, part)
    }
    return part.take(picks, target.weight / weight)
  }

  /** The target that a client belongs to, unless it is gone, not well or full: then another takes over. */
  #stuckTo (stick: Belonging, stream: boolean | undefined): Target | undefined {
    for (const { targets } of this.#groups) {
      const own = stick.find(targets)
      if (own !== undefined) return own.health === 'up' && !isFull(own, stream) ? own : undefined
    }
    return undefined
  }

  /** The group whose turn it is by its share. */
  #draw ({ trace }: Choice): Group | undefined {
    const [first] = this.#groups
    if (first === undefined || first.share >= 1) return first
    let point = this.#settings.clock.random()
    for (const group of this.#groups) {
      point -= group.share
      if (point >= 0) continue
      trace?.drew(group)
      return group
    }
    trace?.drew(first)
    return first
  }

  #tier (key: number, targets: readonly Target[], newcomers: ReadonlySet<Target>): Tier {
    const known = targets.filter(target => !newcomers.has(target))
    const isUp = ({ health }: Target): boolean => health === 'up' || health === 'trial'
    // To panic is to send to those that may be well after all. That is not so of those that can not be connected to, nor of those
    // that ask to be left alone.
    const isUsable = (target: Target): boolean => !newcomers.has(target) && !target.standing.unreachable && target.health !== 'draining'
    const up = targets.filter(isUp)
    const usable = targets.filter(isUsable)
    const capacity = known.length === 0 ? 0 : Math.min(1, this.#settings.overprovisioning * up.length / known.length)
    return { key, up, usable, capacity, others: panicking => targets.filter(target => !(panicking ? isUsable(target) : isUp(target))) }
  }

  #groupsOf (tiers: readonly Tier[]): readonly Group[] {
    const { panic } = this.#settings
    const capacity = tiers.reduce((sum, tier) => sum + tier.capacity, 0)
    let left = 1
    this.#others = []
    return tiers.flatMap(tier => {
      // Others have enough for everybody: no reason to trust those that are down.
      const panicking = (tiers.length === 1 || capacity < 1) && tier.up.length < tier.usable.length * panic
      if (panicking) this.#panicking = true
      const targets = panicking ? tier.usable : tier.up
      this.#others = [...this.#others, ...tier.others(panicking)]
      if (targets.length === 0) return []
      const share = capacity < 1 ? tier.capacity / capacity : Math.min(tier.capacity, left)
      left -= share
      return [{ rotation: this.#rotationOf(tier.key), targets, share, weight: sumOfWeights(targets) }]
    })
  }

  #rotationOf (key: number | string): Rotation {
    let rotation = this.#rotations.get(key)
    if (rotation === undefined) {
      rotation = { policy: this.#settings.policy(), picks: 0, parts: new WeakMap() }
      this.#rotations.set(key, rotation)
    }
    return rotation
  }
}

/** Under which the rotation among those of no group is kept. */
const OTHERS = 'others'

interface Tier {
  readonly key: number
  readonly up: readonly Target[]
  /** Those that are used when health is ignored. */
  readonly usable: readonly Target[]
  /** Part of all traffic that it can take. */
  readonly capacity: number
  /** Those that are not used, be it in panic or not. */
  readonly others: (panicking: boolean) => readonly Target[]
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

/** Who is left once a target did not take its turn, or was full. */
export function without (target: Target, candidates: readonly Target[], stream: boolean | undefined, limited: boolean): readonly Target[] {
  if (limited && isFull(target, stream)) return candidates.filter(candidate => !isFull(candidate, stream))
  const others = candidates.filter(candidate => candidate !== target && !(limited && isFull(candidate, stream)))
  const whole = others.filter(({ standing }) => standing.whole)
  // What one turns down is no reason to give another one more than its share.
  return whole.length > 0 ? whole : others
}

export function isFull (target: Target, stream: boolean | undefined): boolean {
  return stream === true ? target.exhausted : target.full
}

function sumOfWeights (targets: readonly Target[]): number {
  return targets.reduce((sum, { weight }) => sum + weight, 0)
}
