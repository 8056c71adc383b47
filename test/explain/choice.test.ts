import fc from 'fast-check'
import t from 'tap'
import { candidatesOf, ponder } from '../../lib/explain.js'
import type { Choice } from '../../lib/selection.js'
import type { Target } from '../../lib/target.js'
import { nameOf, selecting, type Member, type Policed, type Selecting } from '../kit/selecting.js'

const ASKS: Choice = { key: undefined, attempt: 0 }

/** What an explanation says of each target, by name, and of the choice. */
function explained ({ selection, target }: Selecting, tried = '', choice: Choice = ASKS, lastResort = true): { next: string | undefined, because: string, of: Record<string, string> } {
  const names = [...tried].map(target)
  const pondered = ponder(selection.view, choice, names, lastResort)
  const candidates = candidatesOf(selection.view, choice, names, pondered)({ target: pondered.next, passed: pondered.passed, drawn: undefined })
  return {
    next: pondered.next === undefined ? undefined : nameOf(pondered.next),
    because: pondered.because,
    of: Object.fromEntries(candidates.map(({ target, picked, leftOut }) => [target.slice('http://'.length, -'.test'.length), picked === true ? 'picked' : leftOut ?? 'candidate']))
  }
}

t.test('whoever is left out is left out for a reason', async t => {
  const set = selecting([{}, {}, {}, {}, {}, {}, {}, { priority: 1 }], 'first', { panic: 0, limited: true, overprovisioning: 100 }, { limits: { target: 1, connections: 0, adaptive: undefined } })
  set.change('b', ({ standing }) => { standing.eject('status 500', false) })
  set.change('c', target => { target.drain(true) })
  set.change('d', ({ standing }) => { standing.askedToDrain('answer', 'it asked to be drained') })
  set.newcomers.add(set.target('e'))
  set.change('e', ({ standing }) => { standing.awaitProbe('not probed yet') })
  set.change('f', target => { target.begin() })
  set.change('g', target => {
    target.standing.eject('status 500', false)
    target.standing.tryOut()
  })
  t.same(explained(set, 'a'), {
    next: 'g',
    because: 'is the first in the order of the configuration',
    of: { a: 'tried', b: 'down', c: 'draining', d: 'draining', e: 'newcomer', f: 'full', g: 'picked', h: 'standby' }
  })
  set.target('g').begin()
  t.match(explained(set, 'a'), { next: 'h', of: { g: 'full', h: 'picked' } })
})

t.test('a target on trial has its one request, and one that starts slowly leaves its turn to others', async t => {
  const set = selecting([{}, {}], 'first', {}, { slowStart: { window: 10_000, minimum: 0.1, aggression: 1 } })
  set.change('a', ({ standing }) => {
    standing.eject('status 500', false)
    standing.tryOut()
  })
  t.match(explained(set), { next: 'a' })
  const settle = set.target('a').begin()
  t.match(explained(set), { next: 'b', of: { a: 'trial_busy', b: 'picked' } })
  settle({ kind: 'answered', status: 200, latency: 1 })
  set.change('a', ({ standing }) => { standing.restore() })
  t.match(explained(set), { next: 'b', of: { a: 'spared', b: 'picked' } })
})

t.test('other tiers stand by, and are a matter of chance while traffic moves on to them', async t => {
  const set = selecting([{}, {}, { priority: 1 }, { priority: 1 }], 'first')
  t.match(explained(set), { next: 'a', of: { a: 'picked', b: 'candidate', c: 'standby', d: 'standby' } })
  set.change('a', ({ standing }) => { standing.judge('status 500') })
  const { next, because } = explained(set)
  t.equal(next, undefined)
  t.match(because, /tier is drawn by its share/)
  const { chances } = ponder(set.selection.view, ASKS, [], true)
  t.same([...chances].map(([target, chance]) => [nameOf(target), Math.round(chance * 10)]), [['b', 7], ['c', 3]])
})

t.test('those thought to be down are the last resort, and nobody is nobody', async t => {
  const set = selecting([{}, {}], 'first', { panic: 0 })
  set.change('b', ({ standing }) => { standing.eject('status 500', false) })
  const pondered = ponder(set.selection.view, ASKS, [set.target('a')], true)
  t.equal(pondered.lastResort, true)
  t.match(explained(set, 'a'), { next: 'b', of: { a: 'tried', b: 'picked' } })
  t.match(explained(set, 'a', ASKS, false), { next: undefined, because: 'there is no target left that could take the request', of: { b: 'down' } })
  set.change('a', target => { target.drain(true) })
  set.change('b', target => { target.drain(true) })
  t.match(explained(set), { next: undefined, of: { a: 'draining', b: 'draining' } })
})

t.test('a client belongs to a target, unless that is not well', async t => {
  const set = selecting([{}, {}], 'first')
  const stick = { find: <T>(targets: readonly T[]) => targets[1] }
  t.match(explained(set, '', { ...ASKS, stick }), { next: 'b', because: /belongs to/, of: { a: 'belongs_elsewhere', b: 'picked' } })
  set.change('b', ({ standing }) => {
    standing.eject('status 500', false)
    standing.tryOut()
  })
  t.match(explained(set, '', { ...ASKS, stick: { find: <T>(targets: readonly T[]) => targets.find(target => target === set.target('b') as unknown) } }), { next: 'a' })
})

t.test('a policy of the user\'s own is explained as far as it explains itself', async t => {
  const silent = selecting([{}, {}], targets => targets[0] as Target)
  t.match(explained(silent), { next: undefined, because: /policy picks, which can not say whom/, of: { a: 'candidate', b: 'candidate' } })
  const speaking = Object.assign((targets: readonly Target[]) => targets[1] as Target, {
    explain: (targets: readonly Target[]) => ({ next: targets[1], scores: [1, 2], because: 'is the second' })
  })
  t.match(explained(selecting([{}, {}], speaking)), { next: 'b', because: 'is the second' })
  const failing = Object.assign((targets: readonly Target[]) => targets[0] as Target, { explain () { throw new Error('no') } })
  t.match(explained(selecting([{}, {}], failing as unknown as Policed)), { next: undefined, because: /could not explain/ })
})

interface Story { readonly policy: Policed, readonly members: readonly Member[], readonly steps: ReadonlyArray<readonly [string, number]> }

const story: fc.Arbitrary<Story> = fc.record({
  policy: fc.constantFrom<Policed>('round-robin', 'least-requests', 'first', 'random', 'p2c'),
  members: fc.array(fc.record({ weight: fc.integer({ min: 1, max: 3 }), priority: fc.integer({ min: 0, max: 1 }) }), { minLength: 1, maxLength: 5 }),
  steps: fc.array(fc.tuple(fc.constantFrom('pick', 'pick', 'pick', 'begin', 'eject', 'try', 'restore', 'drain', 'undrain', 'spare'), fc.nat(4)), { maxLength: 40 })
})

/** Plays a story; explains before each pick if it is asked to, and compares. */
function play ({ policy, members, steps }: Story, explains: boolean): { picks: string, right: boolean, foreseen: number } {
  const limits = { limits: { target: 3, connections: 0, adaptive: undefined } }
  const set = selecting(members, policy, { limited: true }, limits)
  const picks: string[] = []
  let right = true
  let foreseen = 0
  for (const [step, index] of steps) {
    const target = set.targets[index % set.targets.length] as Target
    const { standing } = target
    if (step === 'pick') {
      const pondered = explains ? ponder(set.selection.view, ASKS, [], true) : undefined
      const picked = set.selection.choose(ASKS, [], true)
      picks.push(picked === undefined ? 'nobody' : nameOf(picked))
      // Where a weighted rotation has passed somebody over, the next one is a guess.
      if (pondered?.next !== undefined && pondered.passed.size === 0) {
        foreseen++
        right &&= pondered.next === picked
      }
      if (pondered !== undefined && pondered.chances.size > 0) right &&= picked === undefined || pondered.passed.size > 0 || (pondered.chances.get(picked) ?? 0) > 0
      picked?.begin()
    } else {
      if (step === 'begin') target.begin()
      else if (step === 'eject') standing.eject('status 500', false)
      else if (step === 'try' && standing.ejected) standing.tryOut()
      else if (step === 'restore') standing.restore()
      else if (step === 'drain') target.drain(true)
      else if (step === 'undrain') target.drain(false)
      else standing.spare(1000)
      set.selection.refresh(set.targets, set.newcomers)
    }
  }
  return { picks: picks.join(), right, foreseen }
}

t.test('what is foreseen is what happens, and to foresee it changes nothing', async t => {
  let foreseen = 0
  t.doesNotThrow(() => {
    fc.assert(fc.property(story, story => {
      const seen = play(story, true)
      foreseen += seen.foreseen
      return seen.right && seen.picks === play(story, false).picks
    }), { seed: 1, numRuns: 1000 })
  })
  t.ok(foreseen > 500, `${foreseen} were foreseen`)
})
