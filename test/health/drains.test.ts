import t from 'tap'
import { Drains } from '../../lib/health/drains.js'
import type { Target } from '../../lib/target.js'
import { VirtualClock } from '../kit/clock.js'
import { aTarget } from './kit.js'

function scene (): { clock: VirtualClock, drains: Drains, target: Target, changes: string[] } {
  const clock = new VirtualClock()
  const changes: string[] = []
  const drains = new Drains(clock, (target, change, reason) => {
    change()
    changes.push(`${target.health}: ${reason}`)
  })
  return { clock, drains, target: aTarget(clock), changes }
}

t.test('a target is drained for as long as it asked', async t => {
  const { clock, drains, target, changes } = scene()
  drains.ask(target, 30_000)
  t.equal(target.health, 'draining')
  await clock.advance(29_999)
  t.equal(target.health, 'draining')
  await clock.advance(1)
  t.equal(target.health, 'up')
  t.same(changes, ['draining: it asked to be drained', 'up: it asked to be drained until now'])
  t.equal(clock.pending, 0)
})

t.test('asking again makes it longer, never shorter, and is no change', async t => {
  const { clock, drains, target, changes } = scene()
  drains.ask(target, 10_000)
  await clock.advance(5000)
  for (let i = 0; i < 100; i++) drains.ask(target, 10_000)
  drains.ask(target, 1)
  t.equal(clock.pending, 1)
  t.equal(changes.length, 1)
  await clock.advance(9999)
  t.equal(target.health, 'draining')
  await clock.advance(1)
  t.equal(target.health, 'up')
})

t.test('0 takes the wish back, and without one means nothing', async t => {
  const { clock, drains, target, changes } = scene()
  drains.ask(target, 0)
  t.same(changes, [])
  drains.ask(target, 10_000)
  drains.ask(target, 0)
  t.equal(target.health, 'up')
  t.equal(clock.pending, 0)
  drains.ask(target, 10_000)
  t.equal(target.health, 'draining', 'it may change its mind')
})

t.test('nobody is drained for more than an hour, but may ask again', async t => {
  const { clock, drains, target } = scene()
  drains.ask(target, 999_999_999_000)
  await clock.advance(3_600_000 - 1)
  drains.ask(target, 2000)
  await clock.advance(1)
  t.equal(target.health, 'draining')
  await clock.advance(1999)
  t.equal(target.health, 'up')
})

t.test('a timer that comes early waits for the rest', async t => {
  const { clock, drains, target } = scene()
  const after = clock.after.bind(clock)
  clock.after = (ms, fn) => after(ms > 2 ? ms - 2 : ms, fn)
  drains.ask(target, 1000)
  await clock.advance(999)
  t.equal(target.health, 'draining')
  await clock.advance(1)
  t.equal(target.health, 'up')
})

t.test('each target has its own end', async t => {
  const { clock, drains, target } = scene()
  const other = aTarget(clock, 'http://127.0.0.1:2', 1)
  drains.ask(target, 1000)
  drains.ask(other, 2000)
  await clock.advance(1000)
  t.same([target.health, other.health], ['up', 'draining'])
})

t.test('a target that has left, and a pool that has stopped, leave no timers', async t => {
  const { clock, drains, target, changes } = scene()
  const other = aTarget(clock, 'http://127.0.0.1:2', 1)
  drains.ask(target, 1000)
  drains.ask(other, 1000)
  drains.forget(target)
  drains.forget(target)
  t.equal(clock.pending, 1)
  drains.stop()
  t.equal(clock.pending, 0)
  drains.ask(target, 1000)
  t.equal(clock.pending, 0, 'answers that come later start none')
  await clock.advance(1000)
  t.equal(changes.length, 2)
})
