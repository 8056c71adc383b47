import t from 'tap'
import { selecting, type Member, type Selecting } from './kit/selecting.js'

const COUNT = 20_000

/** Takes the first `count` targets of a tier out of rotation. */
function fell (it: Selecting, names: string): void {
  for (const name of names) it.change(name, ({ standing }) => { standing.judge('sick') })
}

/** The part of all picks that go to these targets. */
function part (it: Selecting, names: string): number {
  const counts = it.picks(COUNT)
  return [...names].reduce((sum, name) => sum + (counts[name] ?? 0), 0) / COUNT
}

function near (actual: number, expected: number, within = 0.02): boolean { return Math.abs(actual - expected) <= within }

const TWO_TIERS: Member[] = [{}, {}, {}, {}, { priority: 1 }, { priority: 1 }]

for (const [down, expected] of [['', 1], ['a', 1], ['ab', 0.7], ['abc', 0.35], ['abcd', 0]] as const) {
  t.test(`with ${down.length} of four down the first tier keeps ${expected} of the traffic`, async t => {
    const it = selecting(TWO_TIERS)
    fell(it, down)
    const actual = part(it, 'abcd')
    t.ok(near(actual, expected), String(actual))
    const counts = it.picks(100)
    for (const name of down) t.equal(counts[name], 0)
    t.equal(it.selection.panicking, false, 'there are others')
  })
}

t.test('overprovisioning decides how soon the next tier takes over', async t => {
  const it = selecting(TWO_TIERS, 'round-robin', { overprovisioning: 1 })
  fell(it, 'a')
  t.ok(near(part(it, 'bcd'), 0.75))
  const generous = selecting(TWO_TIERS, 'round-robin', { overprovisioning: 2 })
  fell(generous, 'ab')
  t.equal(part(generous, 'cd'), 1)
})

t.test('when no tiers together are enough, each gets its part of what there is', async t => {
  const it = selecting(TWO_TIERS, 'round-robin', { panic: 0 })
  fell(it, 'abce')
  // 1.4 * 1/4 = 0.35 against 1.4 * 1/2 = 0.7
  const actual = part(it, 'd')
  t.ok(near(actual, 1 / 3), String(actual))
})

t.test('a further attempt goes on to the next tier when the first one has been tried', async t => {
  const it = selecting([{}, { priority: 1 }, { priority: 2 }])
  t.equal(it.pick(), 'a')
  t.equal(it.pick('a', false), 'b')
  t.equal(it.pick('ab', false), 'c')
})

t.test('a tier whose targets are all full is passed over', async t => {
  const it = selecting([{}, {}, { priority: 1 }], 'round-robin', {}, { limits: { target: 1, connections: 0, adaptive: undefined } })
  it.target('a').begin()
  t.same(it.picks(10), { a: 0, b: 10, c: 0 })
  it.target('b').begin()
  t.same(it.picks(10), { a: 0, b: 0, c: 10 })
})

t.test('a tier of one does not send everything to a target that is on trial, and busy', async t => {
  const it = selecting([{}, { priority: 1 }])
  it.change('a', ({ standing }) => {
    standing.eject('ejected', false)
    standing.tryOut()
  })
  t.equal(it.pick(), 'a')
  it.target('a').begin()
  t.same(it.picks(10), { a: 0, b: 10 })
})

t.test('the own zone comes first, and what is too much for it goes elsewhere', async t => {
  const it = selecting([{ zone: 'near' }, { zone: 'near' }, { zone: 'far' }, {}], 'round-robin', { zone: 'near' })
  t.equal(part(it, 'ab'), 1)
  fell(it, 'a')
  const actual = part(it, 'b')
  t.ok(near(actual, 0.7), String(actual))
  fell(it, 'b')
  t.equal(part(it, 'cd'), 1)
})

t.test('a tier counts for more than a zone', async t => {
  const it = selecting([{ zone: 'far' }, { zone: 'near', priority: 1 }], 'round-robin', { zone: 'near' })
  t.equal(part(it, 'a'), 1)
})

t.test('without a zone of its own a pool prefers none', async t => {
  const it = selecting([{ zone: 'near' }, { zone: 'far' }])
  t.same(it.picks(10), { a: 5, b: 5 })
})

t.test('going back and forth between tiers disturbs no rotation', async t => {
  const it = selecting([{}, {}, {}, { priority: 1 }, { priority: 1 }])
  const first = it.pick() ?? ''
  fell(it, 'abc')
  it.picks(7)
  for (const name of 'abc') it.change(name, ({ standing }) => { standing.judge(undefined) })
  t.equal(it.pick(), { a: 'b', b: 'c', c: 'a' }[first])
})
