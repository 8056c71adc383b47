import t from 'tap'
import { random } from '../../lib/policies/random.js'
import { VirtualClock } from '../kit/clock.js'
import { conformance } from './conformance.js'
import { fits, occupy, sequence, shares, tally, targetsOf } from './sample.js'

conformance('random', random, { shares: 'by chance' })

for (const weights of [[1, 1], [1, 1, 1, 1, 1], [3, 1], [5, 1, 1], [1, 2, 3, 4], [0.5, 0.25, 0.25], [1000, 1]]) {
  t.test(`weights ${weights.join(':')} get shares in proportion, within what chance allows`, async t => {
    const targets = targetsOf(...weights)
    const counts = tally(sequence(random(new VirtualClock(7)), targets, 40_000), targets)
    t.ok(fits(counts, shares(weights)), counts.join(' : '))
  })
}

t.test('a pick does not depend on the one before', async t => {
  const targets = targetsOf(1, 1, 1)
  const picked = sequence(random(new VirtualClock(3)), targets, 30_000)
  const pairs = new Map<string, number>()
  picked.slice(1).forEach((name, i) => {
    const pair = `${picked[i] ?? ''}${name}`
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
  })
  t.equal(pairs.size, 9)
  t.ok(fits([...pairs.values()], Array.from({ length: 9 }, () => 1 / 9)), [...pairs].join(' '))
})

t.test('load plays no part', async t => {
  const targets = targetsOf(1, 1)
  const [busy] = targets
  if (busy !== undefined) occupy(busy, 100)
  const counts = tally(sequence(random(new VirtualClock(5)), targets, 10_000), targets)
  t.ok(fits(counts, [0.5, 0.5]), counts.join(' : '))
})

t.test('every target is picked first by its share of fresh gateways', async t => {
  const targets = targetsOf(1, 2, 3)
  const firsts = Array.from({ length: 10_000 }, (_, seed) => sequence(random(new VirtualClock(seed)), targets, 1)).flat()
  t.ok(fits(tally(firsts, targets), shares([1, 2, 3])), tally(firsts, targets).join(' : '))
})
