import t from 'tap'
import { Standing } from '../lib/standing.js'
import { VirtualClock } from './kit/clock.js'

const SLOW = { window: 10_000, minimum: 0.1, aggression: 1 }

function standing (slowly = true): { clock: VirtualClock, it: Standing } {
  const clock = new VirtualClock()
  return { clock, it: new Standing(clock, slowly ? SLOW : undefined) }
}

t.test('each voice that falls silent uncovers what the others say', async t => {
  const { it } = standing()
  const seen = (): unknown[] => [it.health, it.reason]
  t.same(seen(), ['up', undefined])
  it.askedToDrain('answer', 'it asked')
  t.same(seen(), ['draining', 'it asked'])
  it.eject('ejected', false)
  t.same(seen(), ['down', 'ejected'])
  it.tryOut()
  t.same(seen(), ['trial', 'ejected'])
  it.judge('sick')
  t.same(seen(), ['down', 'sick'])
  it.drain(true)
  t.same(seen(), ['draining', 'drained'])
  it.drain(false)
  it.weightless = true
  t.same(seen(), ['draining', 'weight 0'])
  it.weightless = false
  it.judge(undefined)
  t.same(seen(), ['trial', 'ejected'])
  it.restore()
  t.same(seen(), ['draining', 'it asked'])
  it.askedToDrain('answer', undefined)
  t.same(seen(), ['up', undefined])
})

t.test('only an operator withdraws a target', async t => {
  const { it } = standing()
  it.judge('sick')
  it.eject('ejected', true)
  it.askedToDrain('probe', 'it asked')
  t.equal(it.withdrawn, false)
  it.drain(true)
  t.equal(it.withdrawn, true)
})

t.test('what a probe and what an answer asked for end by themselves', async t => {
  const { it } = standing()
  it.askedToDrain('answer', 'by an answer')
  it.askedToDrain('probe', 'by a probe')
  it.askedToDrain('answer', undefined)
  t.same([it.health, it.reason], ['draining', 'by a probe'])
  it.askedToDrain('answer', 'by an answer')
  it.askedToDrain('probe', undefined)
  t.same([it.health, it.reason], ['draining', 'by an answer'])
  it.askedToDrain('answer', undefined)
  t.equal(it.health, 'up')
})

t.test('each step into an ejection and out of it begins an era', async t => {
  const { it } = standing()
  const eras = [it.era]
  it.eject('ejected', true)
  t.same([it.ejected, it.unreachable], [true, true])
  eras.push(it.era)
  it.tryOut()
  t.same([it.ejected, it.unreachable], [true, false])
  eras.push(it.era)
  it.restore()
  t.same([it.ejected, it.unreachable], [false, false])
  eras.push(it.era)
  t.equal(new Set(eras).size, 4)
  it.judge('sick')
  it.drain(true)
  t.equal(it.era, eras[3], 'nothing else does')
})

t.test('a second ejection takes the trial away', async t => {
  const { it } = standing()
  it.eject('first', false)
  it.tryOut()
  it.eject('second', true)
  t.same([it.health, it.reason, it.unreachable, it.takesTurn(true, 1)], ['down', 'second', true, true])
})

for (const [what, away, back] of [
  ['the probes', (it: Standing) => { it.judge('sick') }, (it: Standing) => { it.judge(undefined) }],
  ['an ejection', (it: Standing) => { it.eject('ejected', false) }, (it: Standing) => { it.restore() }],
  ['its own wish', (it: Standing) => { it.askedToDrain('answer', 'asked') }, (it: Standing) => { it.askedToDrain('answer', undefined) }]
] as const) {
  t.test(`after ${what} it starts slowly, and again after the next time`, async t => {
    const { clock, it } = standing()
    t.equal(it.share, 1)
    for (let round = 0; round < 2; round++) {
      away(it)
      t.equal(it.share, 1)
      back(it)
      t.equal(it.share, 0.1)
      t.equal(it.whole, false)
      await clock.advance(5000)
      t.equal(it.share, 0.5)
      await clock.advance(5000)
      t.equal(it.share, 1)
      t.equal(it.whole, true)
    }
  })
}

t.test('what changes nothing does not start it again', async t => {
  const { it } = standing()
  it.judge(undefined)
  it.askedToDrain('answer', undefined)
  it.askedToDrain('probe', undefined)
  t.equal(it.share, 1)
})

t.test('without slow start it has its whole share at once', async t => {
  const { it } = standing(false)
  it.eject('ejected', false)
  it.restore()
  it.startSlowly()
  t.same([it.share, it.whole], [1, true])
})

t.test('the first probes at the start of the app give the whole share, later ones do not', async t => {
  const first = standing().it
  first.awaitProbe('not probed yet')
  t.same([first.health, first.reason], ['down', 'not probed yet'])
  first.judge(undefined)
  t.equal(first.share, 1)
  const failed = standing().it
  failed.awaitProbe('not probed yet')
  failed.judge('sick')
  failed.judge(undefined)
  t.equal(failed.share, 0.1, 'it has been down')
  const joined = standing().it
  joined.awaitProbe('not probed yet')
  joined.startSlowly()
  joined.judge(undefined)
  t.equal(joined.share, 0.1, 'it came later')
})

t.test('a target that is spared takes a tenth for as long as it says', async t => {
  const { clock, it } = standing()
  it.spare(2000)
  t.equal(it.share, 0.1)
  t.equal(it.health, 'up')
  it.spare(500)
  await clock.advance(1999)
  t.equal(it.share, 0.1, 'the longest wish counts')
  await clock.advance(1)
  t.equal(it.share, 1)
})

t.test('a target that does not say is spared for a second, and none for more than thirty', async t => {
  const { clock, it } = standing()
  it.spare(0)
  await clock.advance(999)
  t.equal(it.share, 0.1)
  await clock.advance(1)
  t.equal(it.share, 1)
  it.spare(3_600_000)
  await clock.advance(29_999)
  t.equal(it.share, 0.1)
  await clock.advance(1)
  t.equal(it.share, 1)
})

t.test('a slow starter that is spared has the smaller of both shares', async t => {
  const { clock, it } = standing()
  it.startSlowly()
  await clock.advance(5000)
  it.spare(1000)
  t.equal(it.share, 0.1)
  await clock.advance(1000)
  t.equal(it.share, 0.6)
})

t.test('a tenth is every tenth turn, and half of each turn every twentieth', async t => {
  const { it } = standing()
  it.spare(30_000)
  t.equal(Array.from({ length: 100 }, () => it.takesTurn(false, 1)).filter(Boolean).length, 10)
  t.equal(Array.from({ length: 100 }, () => it.takesTurn(false, 0.5)).filter(Boolean).length, 5)
})

t.test('on trial it takes a request whenever it has none, with its whole share otherwise each', async t => {
  const { it } = standing(false)
  t.equal(it.takesTurn(true, 1), true)
  it.eject('ejected', false)
  it.tryOut()
  t.same([it.takesTurn(true, 1), it.takesTurn(false, 1), it.whole], [false, true, false])
})
