import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Policy, PolicyExplanation, PolicyFactory } from '../../lib/policy.js'
import type { Target } from '../../lib/target.js'
import { VirtualClock } from '../kit/clock.js'
import { fits, nameOf, shares, tally, targetOf } from './sample.js'

export interface Traits {
  /** How idle targets share requests: by weight to the pick, by weight within what chance allows, or not by weight. */
  readonly shares: 'exact' | 'by chance' | 'none'
}

/** What happens to a pool in between two picks, or a pick. */
type Step =
  /** A request that fails over until it has been sent to this many targets. */
  | { readonly kind: 'request', readonly key: string | undefined, readonly attempts: number }
  /** From now on the targets whose bits are set are available; all of them when none is. */
  | { readonly kind: 'available', readonly mask: number }
  | { readonly kind: 'weight', readonly index: number, readonly weight: number }
  | { readonly kind: 'begin', readonly index: number }
  | { readonly kind: 'end', readonly index: number }

interface Story {
  readonly seed: number
  readonly weights: readonly number[]
  readonly steps: readonly Step[]
}

const MOST_TARGETS = 8

const index = fc.nat(MOST_TARGETS - 1)
const wholeWeight = fc.integer({ min: 1, max: 10 })
const anyWeight = fc.oneof(wholeWeight, fc.double({ min: 0.01, max: 100, noNaN: true }))

const request = fc.record({
  kind: fc.constant('request' as const), key: fc.option(fc.string(), { nil: undefined }), attempts: fc.integer({ min: 1, max: 3 })
})
const begin = fc.record({ kind: fc.constant('begin' as const), index })
const end = fc.record({ kind: fc.constant('end' as const), index })
const reweigh = (weight: fc.Arbitrary<number>): fc.Arbitrary<Step> => fc.record({ kind: fc.constant('weight' as const), index, weight })
const available = fc.record({ kind: fc.constant('available' as const), mask: fc.nat(2 ** MOST_TARGETS - 1) })

function stories (weight: fc.Arbitrary<number>, step: fc.Arbitrary<Step>): fc.Arbitrary<Story> {
  return fc.record({
    seed: fc.integer(),
    weights: fc.array(weight, { minLength: 1, maxLength: MOST_TARGETS }),
    steps: fc.array(step, { maxLength: 60 })
  })
}

const anyStory = stories(anyWeight, fc.oneof(request, begin, end, available, reweigh(anyWeight)))
/** Targets come and go, fail and get new weights; nothing stays in flight. */
const comingsAndGoings = stories(wholeWeight, fc.oneof(request, available, reweigh(wholeWeight)))

/** A pool as far as its policy can see it. */
class Stage {
  readonly targets: readonly Target[]
  /** Targets offered and target taken, pick by pick. */
  readonly picks: Array<{ readonly offered: readonly Target[], readonly target: Target, readonly said: PolicyExplanation | undefined }> = []
  readonly #explains: boolean
  readonly #policy: Policy
  readonly #settlers = new Map<Target, Array<() => void>>()
  #offered: readonly Target[]

  /** @param explains whether each pick is explained before it is made */
  constructor (factory: PolicyFactory, { seed, weights, steps }: Story, explains = false) {
    this.#explains = explains
    this.targets = Object.freeze(weights.map((weight, id) => targetOf(id, weight)))
    this.#policy = factory(new VirtualClock(seed))
    this.#offered = this.targets
    for (const step of steps) this.#play(step)
  }

  /** Frozen, as is everything that a policy is given here: to change it is to throw. */
  pick (offered: readonly Target[], key: string | undefined, attempt = 0): Target {
    const said = this.#explains ? this.#policy.explain?.(offered, Object.freeze({ key, attempt })) : undefined
    const target = this.#policy(offered, Object.freeze({ key, attempt }))
    this.picks.push({ offered, target, said })
    return target
  }

  #play (step: Step): void {
    if (step.kind === 'request') {
      let offered = this.#offered
      for (let attempt = 0; attempt < step.attempts && offered.length > 0; attempt++) {
        const tried = this.pick(offered, step.key, attempt)
        offered = Object.freeze(offered.filter(target => target !== tried))
      }
      return
    }
    if (step.kind === 'available') {
      const up = this.targets.filter((_, i) => (step.mask & (1 << i)) !== 0)
      this.#offered = Object.freeze(up.length === 0 ? [...this.targets] : up)
      return
    }
    const target = this.targets[step.index % this.targets.length]
    if (target === undefined) return
    const settlers = this.#settlers.get(target) ?? []
    this.#settlers.set(target, settlers)
    if (step.kind === 'begin') {
      const settle = target.begin()
      settlers.push(() => { settle({ kind: 'answered', status: 200, latency: 1 }) })
    } else if (step.kind === 'end') {
      settlers.pop()?.()
    } else {
      target.weight = step.weight
      this.#offered = Object.freeze([...this.#offered])
    }
  }
}

/** Shares are right to this many picks where they are exact. */
const TOLERANCE = 1

/** What every policy must hold to. Each test file of a policy runs it. */
export function conformance (name: string, factory: PolicyFactory, { shares: trait }: Traits): void {
  t.test(`${name} picks one of the targets it is offered, whatever happens to them, and leaves the list as it was`, async t => {
    holds(t, fc.property(anyStory, story => new Stage(factory, story).picks.every(({ offered, target }) => offered.includes(target))), 300)
  })

  t.test(`${name} picks the only target there is, at first and after it was one of many`, async t => {
    holds(t, fc.property(anyStory, story => {
      const stage = new Stage(factory, story)
      return stage.targets.every(target => {
        const alone = Object.freeze([target])
        return stage.pick(alone, undefined) === target && stage.pick(alone, 'a key') === target && stage.pick(alone, undefined, 1) === target
      })
    }), 100)
  })

  t.test(`${name} makes the same picks for the same seed`, async t => {
    const picks = (story: Story): string => new Stage(factory, story).picks.map(({ target }) => nameOf(target)).join()
    holds(t, fc.property(anyStory, story => new Set([picks(story), picks(story)]).size === 1), 100)
  })

  t.test(`${name} picks whom it has said that it would, and to say so changes nothing`, async t => {
    let foreseen = 0
    holds(t, fc.property(anyStory, story => {
      const { picks } = new Stage(factory, story, true)
      const without = new Stage(factory, story).picks.map(({ target }) => nameOf(target)).join()
      return without === picks.map(({ target }) => nameOf(target)).join() && picks.every(({ offered, target, said }) => {
        if (said === undefined) return false
        const { next, scores, chances } = said
        if (next !== undefined) foreseen++
        return (next === undefined || next === target) && (scores === undefined || (scores.length === offered.length && scores.every(Number.isFinite))) &&
          (chances === undefined || (chances.length === offered.length && Math.abs(chances.reduce((a, b) => a + b) - 1) < 1e-9 && (chances[offered.indexOf(target)] ?? 0) > 0))
      })
    }), 500)
    t.ok(foreseen > 100, `${foreseen} were foreseen`)
  })

  if (trait === 'none') return

  const sharesByWeight = (stage: Stage): boolean => {
    const weights = stage.targets.map(target => target.weight)
    const sum = weights.reduce((a, b) => a + b)
    const rounds = trait === 'exact' ? 3 : Math.ceil(3000 / sum)
    // Another array: as long as it is the same one, a policy may take the weights to be what they were.
    const targets = Object.freeze([...stage.targets])
    const picked = Array.from({ length: rounds * sum }, (_, i) => nameOf(stage.pick(targets, `key ${i}`)))
    const counts = tally(picked, targets)
    if (trait === 'by chance') return fits(counts, shares(weights), 1e6)
    return counts.every((count, i) => Math.abs(count - rounds * (weights[i] ?? 0)) <= TOLERANCE)
  }

  t.test(`${name} shares requests among idle targets by weight`, async t => {
    holds(t, fc.property(stories(wholeWeight, request), story => sharesByWeight(new Stage(factory, { ...story, steps: [] }))), 50)
  })

  t.test(`${name} shares requests by weight again after any comings and goings`, async t => {
    holds(t, fc.property(comingsAndGoings, story => sharesByWeight(new Stage(factory, story))), trait === 'exact' ? 300 : 50)
  })
}

/** With a seed of its own, so that a run that was good stays good. */
function holds (t: Test, property: fc.IRawProperty<[Story]>, numRuns: number): void {
  t.doesNotThrow(() => { fc.assert(property, { seed: 1, numRuns }) })
}
