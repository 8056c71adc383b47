import t from 'tap'
import { first } from '../../lib/policies/first.js'
import { VirtualClock } from '../kit/clock.js'
import { conformance } from './conformance.js'
import { nameOf, occupy, pickOf, targetsOf, without } from './sample.js'

conformance('first', first, { shares: 'none' })

t.test('every request goes to the first of the list, however busy it is and whatever the weights are', async t => {
  const policy = first(new VirtualClock())
  const targets = targetsOf(1, 5, 100)
  for (let i = 0; i < 100; i++) {
    const target = pickOf(policy, targets)
    t.equal(nameOf(target), 'a')
    occupy(target, 1)
  }
})

t.test('the next one stands in while the first is gone, and the first returns when it is back', async t => {
  const policy = first(new VirtualClock())
  const targets = targetsOf(1, 1, 1)
  t.equal(nameOf(pickOf(policy, targets)), 'a')
  t.equal(nameOf(pickOf(policy, without(targets, 'a'))), 'b')
  t.equal(nameOf(pickOf(policy, without(targets, 'ab'))), 'c')
  t.equal(nameOf(pickOf(policy, without(targets, 'a'))), 'b')
  t.equal(nameOf(pickOf(policy, targets)), 'a')
})

t.test('a request that fails over goes down the list', async t => {
  const policy = first(new VirtualClock())
  const targets = targetsOf(1, 1, 1)
  const order: string[] = []
  let tried = ''
  for (let attempt = 0; attempt < 3; attempt++) {
    tried += nameOf(pickOf(policy, without(targets, tried), attempt))
    order.push(tried)
  }
  t.strictSame(order, ['a', 'ab', 'abc'])
})
