import t from 'tap'
import { ownPolicy } from '../../lib/policies/own.js'
import type { Pick } from '../../lib/policy.js'
import { targetsOf, without } from './sample.js'

const pick: Pick = { key: 'k', attempt: 1 }

t.test('a function of the user is given the targets and a copy of what is known of the request', async t => {
  const targets = targetsOf(1, 1)
  const own = ownPolicy((offered, given) => {
    t.equal(offered, targets)
    t.strictSame(given, pick)
    t.not(given, pick)
    return offered[1] as never
  })
  t.equal(own(targets, pick), targets[1])
})

t.test('whatever it returns that is not one of them is refused, in a list of any age', async t => {
  const targets = targetsOf(1, 1, 1)
  const [stranger] = targetsOf(1)
  let returned: unknown = targets[0]
  const own = ownPolicy(() => returned as never)
  for (const offered of [targets, without(targets, 'b'), targets]) {
    for (let time = 0; time < 4; time++) {
      returned = offered[time % offered.length]
      t.equal(own(offered, pick), returned)
      for (const wrong of [stranger, undefined, null, 0, {}, 'a', offered]) {
        returned = wrong
        t.throws(() => own(offered, pick), { code: 'FST_BALANCER_POLICY' })
      }
    }
  }
  returned = targets[1]
  t.throws(() => own(without(targets, 'b'), pick), { code: 'FST_BALANCER_POLICY' }, 'one that has been tried')
  t.equal(own(targets, pick), targets[1])
})

t.test('what it throws is the cause', async t => {
  const own = ownPolicy(() => { throw new Error('oops') })
  t.throws(() => own(targetsOf(1), pick), { code: 'FST_BALANCER_POLICY', cause: { message: 'oops' } })
})
