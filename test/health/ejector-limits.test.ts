import t from 'tap'
import { BAD, ejecting, REFUSED, RESET, WELL, type Ejecting } from './ejecting.js'

function ejected ({ targets }: Ejecting): number { return targets.filter(({ standing }) => standing.ejected).length }

for (const [count, maxEjected, most] of [
  [1, 0.5, 0], [2, 0.5, 1], [3, 0.5, 1], [4, 0.5, 2], [5, 0.5, 2], [10, 0.5, 5], [3, 0, 1], [10, 0.1, 1], [4, 1, 3], [1, 1, 0]
] as const) {
  t.test(`of ${count} targets that fail ${most} are ejected when ${100 * maxEjected} % may be`, async t => {
    const it = ejecting(count, { maxEjected })
    for (let round = 0; round < 5; round++) for (let i = 0; i < count; i++) it.record(i, BAD, 2)
    t.equal(ejected(it), most)
  })

  t.test(`of ${count} targets that refuse connections all but one are ejected, whatever the share (${maxEjected})`, async t => {
    const it = ejecting(count, { maxEjected })
    for (let round = 0; round < 5; round++) for (let i = 0; i < count; i++) it.record(i, REFUSED, 2)
    t.equal(ejected(it), count - 1)
  })
}

t.test('those that can not be connected to take nobody else\'s place', async t => {
  const it = ejecting(4)
  it.record(0, REFUSED, 2)
  it.record(1, BAD, 2)
  it.record(2, RESET, 2)
  t.same(it.health(), ['down', 'down', 'down', 'up'])
  it.record(3, REFUSED, 9)
  t.equal(it.at(3).health, 'up', 'the last one')
})

t.test('one on trial still has its place, and is not somebody to rely on', async t => {
  const it = ejecting(2)
  it.record(0, BAD, 2)
  await it.clock.advance(1000)
  t.equal(it.at(0).health, 'trial')
  it.record(1, BAD, 9)
  t.equal(it.at(1).health, 'up')
  it.record(0, WELL)
  it.record(1, BAD)
  t.equal(it.at(1).health, 'down', 'now it can go')
})

t.test('an ejection that was not possible happens with a later fault, as soon as it is', async t => {
  const it = ejecting(3)
  it.record(0, BAD, 2)
  it.record(1, BAD, 2)
  t.same(it.health(), ['down', 'up', 'up'])
  await it.clock.advance(1000)
  it.record(0, WELL)
  it.record(1, BAD)
  t.same(it.health(), ['up', 'down', 'up'])
})

t.test('drained targets do not count, and those that are down are nobody to rely on', async t => {
  const it = ejecting(4)
  it.at(1).drain(true)
  it.at(2).drain(true)
  it.at(3).standing.judge('sick')
  it.record(0, BAD, 9)
  t.equal(it.at(0).health, 'up')
  it.at(2).drain(false)
  it.record(0, BAD)
  t.equal(it.at(0).health, 'down')
  it.record(2, BAD, 9)
  t.equal(it.at(2).health, 'up')
})
