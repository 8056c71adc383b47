import type { CandidateExplanation, Decision, Explanation, LeftOut, PickExplanation, TierExplanation } from './explanation.js'
import type { Outcome, Why } from './outcome.js'
import type { Policy, PolicyExplanation } from './policy.js'
import type { Retry, Sent } from './retry.js'
import { isFull, without, type Choice, type Group, type SelectionView } from './selection.js'
import type { Target } from './target.js'

/** What a choice is made from, with everything that can be told before it is made. Nothing is changed by it. */
export interface Pondered {
  /** Who would be picked; undefined when chance decides, or when there is nobody. */
  readonly next: Target | undefined
  /** Why, as the end of a sentence about `next`, or a sentence of its own. */
  readonly because: string
  /** Whether those that are thought to be down would be asked. */
  readonly lastResort: boolean
  /** What the policy says of those that it would choose from, for each policy that may be asked. */
  readonly asked: readonly Asked[]
  /** Passed over before `next`. */
  readonly passed: ReadonlySet<Target>
  /** How likely each is to be picked; empty where that can not be told. */
  readonly chances: ReadonlyMap<Target, number>
  readonly tiers: readonly TierExplanation[]
}

/** A policy that was asked about some targets. */
export interface Asked {
  /** Undefined for those that are of no group. */
  readonly group: Group | undefined
  readonly targets: readonly Target[]
  readonly said: PolicyExplanation | undefined
}

const NOBODY = 'there is no target left that could take the request'

/**
 * Works out what `Selection.choose` would do now, in its order: the target that the client belongs to, the group whose turn it is, the
 * other groups, everyone without regard to turns, and at last those thought to be down.
 *
 * Where a target of a weighted rotation leaves its turn to others, the real rotation has moved on by one: then `next` is a guess.
 */
export function ponder (view: SelectionView, choice: Choice, tried: readonly Target[], lastResort: boolean): Pondered {
  const { groups, zone } = view
  const tiers = groups.map(({ targets, share }): TierExplanation => ({
    priority: targets[0]?.priority ?? 0,
    ...(zone === undefined ? undefined : { zone: targets[0]?.zone === zone ? 'own' : 'other' }),
    share,
    targets: targets.length
  }))
  const own = choice.stick === undefined || tried.length > 0 ? undefined : stuckTo(view, choice)
  if (own !== undefined) {
    return { next: own, because: 'is the target that the client belongs to, by its cookie', lastResort: false, asked: [], passed: new Set(), chances: new Map([[own, 1]]), tiers }
  }
  const drawable = groups.filter(({ share }) => share > 0)
  const turns = drawable.map(group => ({ group, share: drawable.length === 1 ? 1 : group.share, course: courseOf(view, group, choice, tried, lastResort) }))
  const [only] = turns
  if (only === undefined) return { next: undefined, because: NOBODY, lastResort: false, asked: [], passed: new Set(), chances: new Map(), tiers }
  const { next } = only.course
  const sure = turns.every(({ course }) => course.next === next)
  const chances = new Map<Target, number>()
  let known = true
  for (const { share, course } of turns) {
    if (course.chances === undefined) known = false
    course.chances?.forEach((chance, target) => { chances.set(target, (chances.get(target) ?? 0) + share * chance) })
  }
  const asked = turns.flatMap(({ course }) => course.asked === undefined ? [] : [course.asked])
  const because = asked.length === 0
    ? NOBODY
    : sure
      ? only.course.because
      : 'the tier is drawn by its share of the traffic, which is a matter of chance'
  return {
    next: sure ? next : undefined,
    because: sure && next === undefined && asked.length > 0 ? `chance decides: the one that ${only.course.because}` : because,
    lastResort: only.course.lastResort,
    asked: [...new Map(asked.map(each => [each.group, each])).values()],
    passed: only.course.passed,
    chances: known ? chances : new Map(),
    tiers
  }
}

/** What happens once it is known whose turn it is. */
interface Course {
  readonly next: Target | undefined
  readonly because: string
  readonly lastResort: boolean
  readonly asked: Asked | undefined
  readonly passed: ReadonlySet<Target>
  /** Undefined when nobody can tell. */
  readonly chances: ReadonlyMap<Target, number> | undefined
}

function courseOf (view: SelectionView, drawn: Group, choice: Choice, tried: readonly Target[], lastResort: boolean): Course {
  const passed = new Set<Target>()
  const order = [drawn, ...view.groups.filter(group => group !== drawn)]
  for (const inTurn of [true, false]) {
    for (const group of order) {
      const takes = (target: Target): boolean => {
        if (view.limited && isFull(target, choice.stream)) return false
        return !inTurn || target.standing.whole || target.wouldTakeTurn(due(view, group, target))
      }
      const found = search(view, group.rotation.policy, group.targets, choice, tried, takes, passed)
      if (found !== undefined) return { ...found, asked: { group, ...found.asked }, lastResort: false, passed }
    }
  }
  if (lastResort && view.others.length > 0) {
    const takes = (target: Target): boolean => !(view.limited && isFull(target, choice.stream))
    const found = search(view, view.policyOfOthers, view.others, choice, tried, takes, passed)
    if (found !== undefined) return { ...found, asked: { group: undefined, ...found.asked }, lastResort: true, passed }
  }
  return { next: undefined, because: NOBODY, lastResort: false, asked: undefined, passed, chances: new Map() }
}

type Found = Pick<Course, 'next' | 'because' | 'chances'> & { readonly asked: Omit<Asked, 'group'> }

/** Among the targets of one group; undefined when none of them takes the request. */
function search (
  view: SelectionView, policy: Policy, targets: readonly Target[], choice: Choice, tried: readonly Target[], takes: (target: Target) => boolean, passed: Set<Target>
): Found | undefined {
  let candidates = tried.length === 0 ? targets : targets.filter(target => !tried.includes(target))
  while (candidates.length > 0) {
    const said = policy.explain?.(candidates, choice)
    const asked = { targets: candidates, said }
    const next = said?.next
    if (next === undefined) {
      // By chance, or nobody can tell: those that would not take it are as good as not there.
      const takers = candidates.filter(takes)
      if (takers.length === candidates.length) {
        return { next: undefined, because: said?.because ?? 'the policy picks, which can not say whom', asked, chances: chancesOf(candidates, said) }
      }
      for (const target of candidates) if (!takers.includes(target)) passed.add(target)
      candidates = takers
    } else {
      if (takes(next)) return { next, because: said?.because ?? '', asked, chances: new Map([[next, 1]]) }
      passed.add(next)
      candidates = without(next, candidates, choice.stream, view.limited)
    }
  }
  return undefined
}

function chancesOf (targets: readonly Target[], said: PolicyExplanation | undefined): ReadonlyMap<Target, number> | undefined {
  return said?.chances === undefined ? undefined : new Map(targets.map((target, i) => [target, said.chances?.[i] ?? 0]))
}

/** What the next pick would be worth to a target, as `Selection` reckons. */
function due (view: SelectionView, { rotation, weight }: Group, target: Target): number {
  if (!view.followsLoad) return 1
  const part = rotation.parts.get(target)
  return part === undefined ? Math.min(1, target.weight / weight) : part.wouldTake(rotation.picks + 1, target.weight / weight)
}

function stuckTo ({ groups }: SelectionView, { stick, stream }: Choice): Target | undefined {
  for (const { targets } of groups) {
    const own = stick?.find(targets)
    if (own !== undefined) return own.health === 'up' && !isFull(own, stream) ? own : undefined
  }
  return undefined
}

/** How the choice went, as far as it is known. */
export interface Chosen {
  readonly target: Target | undefined
  /** Passed over on the way. */
  readonly passed: ReadonlySet<Target>
  /** The group whose turn it was, when chance decided about it. */
  readonly drawn: Group | undefined
}

/** Each of the pool's targets as it stood when the choice was made. `tried` are those that had been asked before. */
export function candidatesOf (view: SelectionView, choice: Choice, tried: readonly Target[], pondered: Pondered): (chosen: Chosen) => CandidateExplanation[] {
  const { asked, chances } = pondered
  const groups = new Map(view.groups.flatMap(group => group.targets.map(target => [target, group] as const)))
  const others = new Set(view.others)
  // Taken down now: once the request has been sent, the target that was picked is busier.
  const drafts = view.members.map(target => {
    const { url, weight, priority, zone, health, reason, inFlight, streams, limit, standing, until } = target
    return {
      target,
      group: groups.get(target),
      left: tried.includes(target) ? 'tried' as const : unfit(view, choice, target, groups.has(target) || (pondered.lastResort && others.has(target))),
      facts: {
        target: url,
        weight,
        priority,
        ...(zone === undefined ? undefined : { zone }),
        health,
        ...(reason === undefined || health === 'up' ? undefined : { reason }),
        ...(until === undefined ? undefined : { until }),
        inFlight: inFlight - streams,
        ...(limit === Infinity ? undefined : { limit }),
        share: standing.share
      }
    }
  })
  const scores = new Map(asked.flatMap(({ targets, said }) => targets.flatMap((target, i) => {
    const score = said?.scores?.[i]
    return score === undefined ? [] : [[target, score] as const]
  })))
  return ({ target: picked, passed, drawn }) => {
    const group = picked !== undefined ? groups.get(picked) : drawn ?? (asked.length === 1 ? asked[0]?.group : undefined)
    return drafts.map(draft => {
      const { target, facts } = draft
      if (target === picked) return { ...facts, ...marks(target), picked: true as const }
      const left = draft.left ?? whyNot(target, draft.group, group, passed, picked)
      return left === undefined ? { ...facts, ...marks(target) } : { ...facts, leftOut: left }
    })
  }

  function marks (target: Target): { score?: number, chance?: number } {
    const score = scores.get(target)
    const chance = chances.get(target)
    return { ...(score === undefined ? undefined : { score }), ...(chance === undefined || chances.size < 2 ? undefined : { chance }) }
  }

  /** Of one that could have taken it. */
  function whyNot (target: Target, own: Group | undefined, group: Group | undefined, passed: ReadonlySet<Target>, picked: Target | undefined): LeftOut | undefined {
    if (passed.has(target)) return 'spared'
    if (picked !== undefined && asked.length === 0) return 'belongs_elsewhere'
    if (group === undefined || own === undefined || own === group) return undefined
    return own.share === 0 ? 'standby' : 'other_tier'
  }
}

/** Why a target can not take the request, whoever else there is. */
function unfit (view: SelectionView, { stream }: Choice, target: Target, usable: boolean): LeftOut | undefined {
  if (!usable) {
    if (view.newcomers.has(target)) return 'newcomer'
    return target.health === 'draining' ? 'draining' : 'down'
  }
  if (view.limited && isFull(target, stream)) return 'full'
  return target.health === 'trial' && target.inFlight > target.streams ? 'trial_busy' : undefined
}

/** A choice that is being made. */
export interface Choosing {
  /** Milliseconds since the request came. */
  readonly at: number
  readonly view: SelectionView
  readonly pondered: Pondered
  readonly candidates: (chosen: Chosen) => CandidateExplanation[]
  /** Those that have been passed over. */
  readonly passed: Set<Target>
  /** The group whose turn it is, once that has been drawn. */
  drawn: Group | undefined
}

/** A choice as a step of an explanation. */
export function pickOf ({ at, view, pondered, candidates, passed, drawn }: Choosing, picked: Target | undefined, why: Why): PickExplanation {
  const { asked, tiers } = pondered
  const unit = unitOf(pondered, picked)
  return {
    step: 'pick',
    at,
    why,
    panicking: view.panicking,
    // Told by who was picked, and not by what was foreseen.
    lastResort: picked === undefined ? pondered.lastResort : view.others.includes(picked),
    tiers,
    candidates: candidates({ target: picked, passed, drawn }),
    ...(unit === undefined ? undefined : { unit }),
    ...(picked === undefined ? undefined : { picked: picked.url }),
    because: picked === undefined || picked === pondered.next
      ? pondered.because
      : asked.find(({ targets }) => targets.includes(picked))?.said?.because ?? 'is what the policy has picked'
  }
}

/** Why the rule, or the number of attempts so far, has a request not sent again. */
export function refusalOf (rule: Retry, outcome: Outcome, move: 'enough' | 'body' | 'rule', sent: Sent): Decision {
  const refusal = rule.explain?.(outcome, sent)
  if (refusal === 'final') return 'pass_on'
  if (refusal === 'aborted') return 'client_gone'
  if (refusal !== undefined) return refusal
  if (outcome.kind === 'aborted') return 'client_gone'
  if (outcome.kind === 'broken') return 'broken'
  // A rule of the user's own says no more than that; an answer that is no fault is what everyone hopes for.
  if (outcome.kind === 'answered' && outcome.status < 500) return 'pass_on'
  return move === 'enough' ? 'max_reached' : move === 'body' ? 'body_gone' : 'rule'
}

/** What the scores of the policy that picked, or would, count. */
function unitOf ({ asked }: Pondered, picked: Target | undefined): string | undefined {
  const one = picked === undefined ? undefined : asked.find(({ targets }) => targets.includes(picked))
  return (one ?? asked[0])?.said?.unit
}

/** What a gateway's error is to its client. */
export function resultOf (error: Error): NonNullable<Explanation['result']> {
  const { statusCode, code } = error as { statusCode?: number, code?: unknown }
  return { ...(statusCode === undefined ? undefined : { status: statusCode }), code: typeof code === 'string' ? code : error.name }
}
