import t from 'tap'
import { at, evenWeights, load } from '../../lib/policy.js'
import { occupy, targetsOf } from './sample.js'

t.test('an idle target has no load, whatever it weighs; a busy one has what it will have with one more, for its weight', async t => {
  const targets = targetsOf(1, 4, 0.5)
  t.strictSame(targets.map(load), [0, 0, 0])
  for (const target of targets) occupy(target, 3)
  t.strictSame(targets.map(load), [4, 1, 8])
})

t.test('weights are even when all are the same', async t => {
  t.equal(evenWeights(targetsOf(2, 2, 2)), true)
  t.equal(evenWeights(targetsOf(2, 2, 1)), false)
  t.equal(evenWeights(targetsOf(0.1)), true)
})

t.test('an index that is out of bounds is an error that says so', async t => {
  const targets = targetsOf(1, 1)
  t.equal(at(targets, 1), targets[1])
  t.throws(() => at(targets, 2), { name: 'RangeError', message: 'no target at 2 of 2' })
  t.throws(() => at(targets, -1), RangeError)
})
