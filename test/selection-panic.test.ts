import t from 'tap'
import { selecting } from './kit/selecting.js'

const FOUR = [{}, {}, {}, {}]

t.test('below the threshold health is ignored, at the threshold it is not', async t => {
  const it = selecting(FOUR)
  for (const name of 'ab') it.change(name, ({ standing }) => { standing.judge('sick') })
  t.equal(it.selection.panicking, false)
  t.same(it.picks(8), { a: 0, b: 0, c: 4, d: 4 })
  it.change('c', ({ standing }) => { standing.eject('ejected', false) })
  t.equal(it.selection.panicking, true)
  t.same(it.picks(8), { a: 2, b: 2, c: 2, d: 2 })
})

t.test('targets that can not be connected to are no reason to panic, and are not used in it', async t => {
  const it = selecting([{}, {}, {}])
  for (const name of 'ab') it.change(name, ({ standing }) => { standing.eject('ejected', true) })
  t.equal(it.selection.panicking, false)
  t.same(it.picks(6), { a: 0, b: 0, c: 6 })
  const five = selecting([...FOUR, {}])
  five.change('a', ({ standing }) => { standing.eject('ejected', true) })
  for (const name of 'bcd') five.change(name, ({ standing }) => { standing.judge('sick') })
  t.equal(five.selection.panicking, true)
  t.same(five.picks(8), { a: 0, b: 2, c: 2, d: 2, e: 2 })
})

t.test('a target that has asked to be drained is no reason to panic, and is not used in it', async t => {
  const it = selecting(FOUR)
  it.change('a', ({ standing }) => { standing.askedToDrain('answer', 'asked') })
  it.change('b', ({ standing }) => { standing.judge('sick') })
  it.change('c', ({ standing }) => { standing.judge('sick') })
  t.equal(it.selection.panicking, true, 'one of three is up')
  t.same(it.picks(9), { a: 0, b: 3, c: 3, d: 3 })
})

t.test('one on trial counts as up', async t => {
  const it = selecting(FOUR)
  for (const name of 'abc') it.change(name, ({ standing }) => { standing.eject('ejected', false) })
  t.equal(it.selection.panicking, true)
  it.change('a', ({ standing }) => { standing.tryOut() })
  t.equal(it.selection.panicking, false)
})

t.test('a tier does not panic while others have enough for everybody', async t => {
  const it = selecting([{}, {}, {}, { priority: 1 }, { priority: 1 }])
  for (const name of 'ab') it.change(name, ({ standing }) => { standing.judge('sick') })
  t.equal(it.selection.panicking, false)
  it.change('d', ({ standing }) => { standing.judge('sick') })
  t.equal(it.selection.panicking, false, 'one of two is enough')
  it.change('e', ({ standing }) => { standing.judge('sick') })
  t.equal(it.selection.panicking, true, 'now it is alone')
  t.same(it.picks(30), { a: 10, b: 10, c: 10, d: 0, e: 0 }, 'a tier with nobody up has no part')
})

t.test('how many are up is told, of how many that count', async t => {
  const it = selecting([...FOUR, {}])
  it.change('a', target => { target.drain(true) })
  it.change('b', ({ standing }) => { standing.eject('ejected', true) })
  it.newcomers.add(it.target('c'))
  it.change('c', ({ standing }) => { standing.awaitProbe('not probed yet') })
  it.change('d', ({ standing }) => { standing.judge('sick') })
  t.same(it.selection.refresh(it.targets, it.newcomers), { up: 1, of: 2 })
})
