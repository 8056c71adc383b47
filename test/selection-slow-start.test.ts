import t from 'tap'
import { slowStartFactor } from '../lib/slow-start.js'
import { selecting, type Policed, type Selecting } from './kit/selecting.js'

const SLOW = { window: 60_000, minimum: 0.1, aggression: 1 }
const COUNT = 24_000
let turn = 0
const POLICIES: Record<string, Policed> = {
  'round-robin': 'round-robin',
  'least-requests': 'least-requests',
  p2c: 'p2c',
  random: 'random',
  first: 'first',
  'a function that goes round': targets => targets[turn++ % targets.length] as never,
  'a function that goes by load': targets => targets.reduce((best, target) => target.inFlight < best.inFlight ? target : best)
}

/** Picks whose answers take as long as `busy` other picks, so that policies see load; how many each target gets. */
function loaded (it: Selecting, count: number, busy: number): Record<string, number> {
  const counts: Record<string, number> = {}
  const underWay: Array<() => void> = []
  for (let i = 0; i < count; i++) {
    if (underWay.length >= busy) underWay.shift()?.()
    const name = it.pick() ?? 'nobody'
    counts[name] = (counts[name] ?? 0) + 1
    const settle = it.target(name).begin()
    underWay.push(() => { settle({ kind: 'answered', status: 200, latency: 1 }) })
  }
  return counts
}

const TWENTY = Array.from({ length: 20 }, () => ({}))

for (const [name, policy] of Object.entries(POLICIES)) {
  for (const [load, busy] of [['idle', 1], ['busy', 100]] as const) {
    // By load alone the first of those that are idle gets everything.
    if (load === 'idle' && name === 'a function that goes by load') continue
    t.test(`a target that starts slowly gets what the curve says of its share: ${name}, ${load}`, async t => {
      const whole = name === 'first' ? 1 : 1 / TWENTY.length
      for (const elapsed of [0, 15_000, 30_000, 45_000]) {
        const it = selecting(TWENTY, policy, {}, { slowStart: SLOW })
        it.change('a', ({ standing }) => { standing.startSlowly() })
        await it.clock.advance(elapsed)
        const share = (loaded(it, COUNT, busy)['a'] ?? 0) / COUNT
        const factor = slowStartFactor(elapsed, SLOW)
        t.ok(Math.abs(share / whole / factor - 1) <= 0.1, `${elapsed} ms: ${share} of ${whole}, factor ${factor}`)
      }
    })
  }
}

t.test('when the window is over it has its whole share', async t => {
  const it = selecting([{}, {}], 'round-robin', {}, { slowStart: SLOW })
  it.change('a', ({ standing }) => { standing.startSlowly() })
  t.equal(it.target('a').snapshot().share, 0.1)
  await it.clock.advance(60_000)
  t.same(it.picks(10), { a: 5, b: 5 })
  t.equal(it.target('a').snapshot().share, 1)
})

t.test('weights count: a heavy target gets the curve of a heavy share', async t => {
  const it = selecting([{ weight: 3 }, {}], 'round-robin', {}, { slowStart: SLOW })
  it.change('a', ({ standing }) => { standing.startSlowly() })
  await it.clock.advance(30_000)
  const share = (it.picks(COUNT)['a'] ?? 0) / COUNT
  t.ok(share >= 0.375 * 0.9 && share <= 1.5 / 2.5 * 1.1, `${share}, whether or not the rest is counted at its whole weight`)
})

t.test('what one of two slow starters turns down does not go to the other', async t => {
  for (const policy of ['round-robin', 'least-requests', 'random', 'p2c'] as const) {
    const it = selecting([{}, {}, {}, {}], policy, {}, { slowStart: SLOW })
    for (const name of 'ab') it.change(name, ({ standing }) => { standing.startSlowly() })
    const counts = loaded(it, COUNT, 40)
    for (const name of 'ab') t.ok((counts[name] ?? 0) / COUNT <= 0.1 / 2.2 * 1.1, `${policy}: ${counts[name]} of ${COUNT}`)
  }
})

t.test('when all start slowly all requests are taken, in equal parts', async t => {
  const it = selecting([{}, {}, {}], 'round-robin', {}, { slowStart: SLOW })
  for (const name of 'abc') it.change(name, ({ standing }) => { standing.startSlowly() })
  const counts = it.picks(3000)
  t.equal(counts['nobody'], undefined)
  for (const name of 'abc') t.ok((counts[name] ?? 0) > 900, JSON.stringify(counts))
})

t.test('the only target of a pool takes everything, however new it is', async t => {
  const it = selecting([{}], 'round-robin', {}, { slowStart: SLOW })
  it.change('a', ({ standing }) => { standing.startSlowly() })
  t.same(it.picks(20), { a: 20 })
})

t.test('a tier of one starts slowly too, and the next tier takes the rest', async t => {
  const it = selecting([{}, { priority: 1 }], 'round-robin', {}, { slowStart: SLOW })
  it.change('a', ({ standing }) => { standing.startSlowly() })
  t.same(it.picks(100), { a: 10, b: 90 })
})
