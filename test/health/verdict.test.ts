import fc from 'fast-check'
import t from 'tap'
import { Verdict } from '../../lib/health/verdict.js'

/** Which of a row of probes changed the verdict. */
function changes (verdict: Verdict, probes: readonly boolean[]): number[] {
  return probes.flatMap((ok, i) => verdict.observe(ok) ? [i] : [])
}

const row = (ok: boolean, length: number): boolean[] => new Array<boolean>(length).fill(ok)

t.test('a target goes down with exactly the fall-th failure in a row and not again with those after it', async t => {
  for (const fall of [1, 2, 3, 7]) {
    t.same(changes(new Verdict(2, fall, true, true), row(false, fall + 20)), [fall - 1], `fall ${fall}`)
  }
})

t.test('a target comes up with exactly the rise-th success in a row and not again with those after it', async t => {
  for (const rise of [1, 2, 3, 7]) {
    t.same(changes(new Verdict(rise, 3, false, true), row(true, rise + 20)), [rise - 1], `rise ${rise}`)
  }
})

t.test('one success among failures starts the count of failures again', async t => {
  const verdict = new Verdict(2, 3, true, true)
  t.same(changes(verdict, [false, false, true, false, false, true, false, false]), [])
  t.same(changes(verdict, [false]), [0])
})

t.test('one failure among successes starts the count of successes again', async t => {
  const verdict = new Verdict(3, 1, false, true)
  t.same(changes(verdict, [true, true, false, true, true, false, true, true]), [])
  t.same(changes(verdict, [true]), [0])
})

t.test('rise and fall are honoured in turn for as long as the target comes and goes', async t => {
  const verdict = new Verdict(2, 3, true, true)
  const cycle = [...row(false, 3), ...row(true, 2)]
  t.same(changes(verdict, [...cycle, ...cycle, ...cycle]), [2, 4, 7, 9, 12, 14])
})

t.test('a newcomer rises with its first success, whatever rise is, and from then on like the others', async t => {
  const verdict = new Verdict(5, 2, false, false)
  t.same(changes(verdict, row(true, 10)), [0])
  t.same(changes(verdict, row(false, 2)), [1])
  t.same(changes(verdict, row(true, 5)), [4])
})

t.test('a newcomer that fails is never promoted by its failures, and still rises with its first success', async t => {
  const verdict = new Verdict(3, 2, false, false)
  t.same(changes(verdict, row(false, 1000)), [])
  t.same(changes(verdict, [true]), [0])
})

t.test('a verdict is what the last probes that agreed with each other in sufficient number said', async () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), fc.boolean(), fc.array(fc.boolean(), { maxLength: 60 }),
    (rise, fall, first, probes) => {
      const verdict = new Verdict(rise, fall, first, true)
      let up = first
      probes.forEach((ok, i) => {
        // Worked out anew from the whole history, without a counter.
        const needed = ok ? rise : fall
        const last = probes.slice(Math.max(0, i + 1 - needed), i + 1)
        const flips = ok !== up && last.length === needed && last.every(probe => probe === ok)
        if (verdict.observe(ok) !== flips) throw new Error(`probe ${i} of ${probes.join()}`)
        if (flips) up = ok
      })
    }
  ))
})
