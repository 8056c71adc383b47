import { validateHeaderValue } from 'node:http'
import t from 'tap'
import { askedFor, explanationField } from '../../lib/explain-field.js'
import type { Explanation, PickExplanation } from '../../lib/explanation.js'

function explanation (targets: number, picks = 1, path = '/a'): Explanation {
  const pick: PickExplanation = {
    step: 'pick',
    at: 0,
    why: 'first',
    panicking: false,
    lastResort: false,
    tiers: [],
    candidates: Array.from({ length: targets }, (_, i) => ({
      target: `http://t${i}.test`, weight: 1, priority: 0, health: 'up' as const, inFlight: 0, share: 1, ...(i === targets - 1 ? { picked: true as const } : undefined)
    })),
    picked: `http://t${targets - 1}.test`,
    because: 'is next in turn'
  }
  return { pool: 'users', policy: 'first', method: 'GET', path, keyed: false, supposed: false, began: 0, ms: 1, queued: 0, steps: Array.from({ length: picks }, () => pick), result: { status: 200 } }
}

t.test('a short one is the whole explanation', async t => {
  t.same(JSON.parse(explanationField(explanation(3), 'json')), JSON.parse(JSON.stringify(explanation(3))))
})

t.test('a long one says less, is still JSON, and fits', async t => {
  for (const [targets, picks, path] of [[100, 1, '/a'], [100, 5, '/a'], [1, 200, '/a'], [1, 1, `/${'x'.repeat(5000)}`]] as const) {
    const field = explanationField(explanation(targets, picks, path), 'json')
    t.ok(field.length <= 4096, `${field.length}`)
    t.match(JSON.parse(field), { shortened: true, pool: 'users', result: { status: 200 } })
    const text = explanationField(explanation(targets, picks, path), 'text')
    t.ok(text.length <= 4096)
  }
  const { steps: [step] } = JSON.parse(explanationField(explanation(100), 'json')) as { steps: PickExplanation[] }
  t.equal(step?.candidates.length, 6)
  t.match(step?.candidates.at(-1), { picked: true })
  t.equal(step?.more, 94)
})

t.test('whatever is in it, the field is one line of printable ASCII', async t => {
  const odd = { ...explanation(1), policy: 'ü\r\nSet-Cookie: a=b\u007f\u{1f600}' }
  for (const form of ['json', 'text'] as const) {
    const field = explanationField(odd, form)
    t.match(field, /^[ -~]+$/)
    t.doesNotThrow(() => { validateHeaderValue('x', field) })
  }
  t.equal((JSON.parse(explanationField(odd, 'json')) as Explanation).policy, odd.policy)
})

t.test('what a client asks for', async t => {
  t.same(['json', ' TEXT ', 'xml', '', undefined, ['json'], 'true'].map(value => askedFor(value)), ['json', 'text', undefined, undefined, undefined, 'json', undefined])
})
