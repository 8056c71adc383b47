import fc from 'fast-check'
import t from 'tap'
import { SmoothTurns } from '../../lib/policies/smooth-turns.js'
import { Tournament } from '../../lib/policies/tournament.js'

/** The same by its definition. */
function * defined (weights: readonly number[]): Generator<number> {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const due = weights.map(() => 0)
  for (;;) {
    let best = 0
    weights.forEach((weight, i) => {
      due[i] = (due[i] ?? 0) + weight
      if ((due[i] ?? 0) > (due[best] ?? 0)) best = i
    })
    due[best] = (due[best] ?? 0) - total
    yield best
  }
}

t.test('turns are those of smooth weighted round robin, one by one', async t => {
  t.doesNotThrow(() => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 40 }), weights => {
      const turns = new SmoothTurns(weights, () => 0)
      const expected = defined(weights)
      for (let i = 0; i < 200; i++) if (turns.next() !== expected.next().value) return false
      return true
    }), { seed: 1, numRuns: 300 })
  })
})

t.test('what is owed can be taken on, and all of it adds up to nothing', async t => {
  const weights = [5, 1, 1, 3]
  const [one, two] = [new SmoothTurns(weights, () => 0), new SmoothTurns(weights, () => 0)]
  for (let i = 0; i < 7; i++) t.equal(one.next(), two.next())
  t.ok(Math.abs(weights.reduce((sum, _, i) => sum + one.owed(i), 0)) < 1e-9)
  const further = new SmoothTurns(weights, i => one.owed(i))
  for (let i = 0; i < 30; i++) t.equal(further.next(), two.next())
})

t.test('millions of turns change nothing', async t => {
  const weights = [1.5, 1, 0.5, 1]
  const turns = new SmoothTurns(weights, () => 0)
  const counts = weights.map(() => 0)
  for (let i = 0; i < 4 * 600_000; i++) {
    const next = turns.next()
    counts[next] = (counts[next] ?? 0) + 1
  }
  t.strictSame(counts, [900_000, 600_000, 300_000, 600_000])
})

t.test('a tournament has the first of all, and the lower index of those that are level', async t => {
  t.equal(new Tournament(0, () => true).first, -1)
  t.doesNotThrow(() => {
    const values = fc.array(fc.nat(5), { minLength: 1, maxLength: 20 })
    const changes = fc.array(fc.tuple(fc.nat(19), fc.nat(5)), { maxLength: 60 })
    fc.assert(fc.property(values, changes, (values, changes) => {
      const tournament = new Tournament(values.length, (a, b) => (values[a] ?? 0) < (values[b] ?? 0))
      for (const [place, value] of [[0, values[0] ?? 0] as const, ...changes]) {
        const index = place % values.length
        values[index] = value
        tournament.changed(index)
        if (tournament.first !== values.indexOf(Math.min(...values))) return false
      }
      return true
    }), { seed: 1, numRuns: 500 })
  })
})
