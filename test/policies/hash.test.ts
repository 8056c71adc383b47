import t from 'tap'
import { hash } from '../../lib/policies/hash.js'
import { random } from '../../lib/policies/random.js'
import type { Policy } from '../../lib/policy.js'
import type { Target } from '../../lib/target.js'
import { conformance } from './conformance.js'
import { fits, nameOf, shares, tally, targetOf, targetsOf, without } from './sample.js'

conformance('hash', clock => hash(random(clock)), { shares: 'by chance' })

const never: Policy = () => { throw new Error('asked for a key that was given') }
const keys = Array.from({ length: 100_000 }, (_, i) => `user-${i}`)

function equal (n: number): readonly Target[] {
  return targetsOf(...Array.from({ length: n }, () => 1))
}

/** Where each key goes. */
function map (targets: readonly Target[], list: readonly string[] = keys, policy = hash(never)): string[] {
  return list.map(key => nameOf(policy(targets, { key, attempt: 0 })))
}

t.test('the same key goes to the same target, whatever else is asked in between', async t => {
  const targets = equal(10)
  const policy = hash(never)
  const some = keys.slice(0, 1000)
  const before = map(targets, some, policy)
  t.strictSame(map(targets, some, policy), before)
  t.strictSame(map(targets, [...some].reverse(), policy).reverse(), before)
})

t.test('two gateways send a key to the same target, in whatever order they list the targets', async t => {
  const some = keys.slice(0, 5000)
  const expected = map(equal(7), some)
  t.strictSame(map(equal(7), some), expected)
  t.strictSame(map(Object.freeze([...equal(7)].reverse()), some), expected)
})

t.test('a list that stays gives what a list that is new gives, however many targets it has and of whatever weights', async t => {
  const some = keys.slice(0, 500)
  for (const n of [1, 2, 3, 64, 65, 1000, 1001]) {
    for (const weights of [[1], [1, 2, 5]]) {
      const targets = targetsOf(...Array.from({ length: n }, (_, i) => weights[i % weights.length] ?? 1))
      const policy = hash(never)
      const first = some.map(key => nameOf(policy([...targets], { key, attempt: 0 })))
      t.strictSame(map(targets, some, policy), first, `${n} targets, weights ${weights.join(', ')}`)
    }
  }
})

t.test('removing one of ten targets moves its own keys and no other, and adding it back restores every one', async t => {
  const targets = equal(10)
  const policy = hash(never)
  const before = map(targets, keys, policy)
  for (const gone of 'aej') {
    const during = map(without(targets, gone), keys, policy)
    t.notOk(during.includes(gone))
    t.ok(during.every((name, i) => name === before[i] || before[i] === gone), 'only its keys moved')
    const moved = during.filter((name, i) => name !== before[i])
    t.ok(Math.abs(moved.length / keys.length - 0.1) < 0.003, `${moved.length} keys moved`)
    t.ok(fits(tally(moved, without(targets, gone)), shares(without(targets, gone).map(() => 1)), 1e6), 'and spread over all the others')
  }
  t.strictSame(map(targets, keys, policy), before)
})

t.test('a target that joins takes keys from all the others and moves none among them', async t => {
  const before = map(equal(10))
  const after = map(equal(11))
  t.ok(after.every((name, i) => name === before[i] || name === 'k'))
  t.ok(Math.abs(after.filter(name => name === 'k').length / keys.length - 1 / 11) < 0.003)
})

t.test('ten targets share 100,000 keys within five per cent of the mean', async t => {
  const counts = tally(map(equal(10)), equal(10))
  t.ok(Math.max(...counts) / 10_000 <= 1.05, counts.join(' : '))
  t.ok(Math.min(...counts) / 10_000 >= 0.95, counts.join(' : '))
})

t.test('weights 1:2:3:4 get a tenth to four tenths of the keys', async t => {
  const targets = targetsOf(1, 2, 3, 4)
  const counts = tally(map(targets), targets)
  shares([1, 2, 3, 4]).forEach((share, i) => t.ok(Math.abs((counts[i] ?? 0) / keys.length - share) <= 0.01, counts.join(' : ')))
})

t.test('a larger weight draws keys to its target and moves none among the others', async t => {
  const targets = equal(4)
  const policy = hash(never)
  const before = map(targets, keys, policy)
  const [a] = targets
  if (a !== undefined) a.weight = 2
  const after = map(Object.freeze([...targets]), keys, policy)
  t.ok(after.every((name, i) => name === before[i] || name === 'a'))
  t.ok(Math.abs(after.filter(name => name === 'a').length / keys.length - 0.4) <= 0.01)
})

const FAMILIES: Record<string, (i: number) => string> = {
  'a number at the end': i => `user-${i}`,
  'a number at the start': i => `${i}-user`,
  'nothing but a number': i => String(i),
  'a hexadecimal number': i => i.toString(16).padStart(8, '0'),
  'one or two characters': i => String.fromCodePoint(33 + i % 94, 33 + Math.floor(i / 94)),
  'one rare character': i => String.fromCharCode(i + 0x4e00),
  'an address': i => `10.0.${i >> 8}.${i & 255}`,
  'a path': i => `/api/v1/orders/${i}/items`,
  'a long common part in front': i => 'x'.repeat(500) + String(i),
  'a long common part behind': i => String(i) + 'x'.repeat(500),
  'nothing but length': i => 'x'.repeat(i % 5000),
  'bits that differ in the upper byte of a character only': i => Array.from({ length: 12 }, (_, bit) => String.fromCharCode(97 + 256 * (i >> bit & 1))).join('')
}

for (const [what, keyOf] of Object.entries(FAMILIES)) {
  t.test(`similar keys spread: those that have ${what} in their own`, async t => {
    const list = [...new Set(Array.from({ length: 4096 }, (_, i) => keyOf(i)))]
    for (const n of [2, 3, 10]) {
      const targets = equal(n)
      const counts = tally(map(targets, list), targets)
      t.ok(fits(counts, shares(targets.map(() => 1)), 1e6), `${list.length} keys: ${counts.join(' : ')}`)
    }
  })
}

t.test('targets with similar URLs get equal shares', async t => {
  // As addresses of one subnet are: they differ in one character.
  const targets = Object.freeze(Array.from({ length: 50 }, (_, i) => targetOf(100 + i)))
  const counts = tally(map(targets), targets)
  t.ok(fits(counts, shares(targets.map(() => 1)), 1e6), counts.join(' : '))
})

t.test('a key that fails over has one second choice, and a third', async t => {
  const targets = equal(5)
  const policy = hash(never)
  for (const key of keys.slice(0, 200)) {
    const order = (): string => {
      let tried = ''
      for (let attempt = 0; attempt < 3; attempt++) tried += nameOf(policy(without(targets, tried), { key, attempt }))
      return tried
    }
    t.equal(order(), order())
  }
})

t.test('a request without a key goes to the fallback, which sees what the policy was given', async t => {
  const targets = equal(3)
  const asked: unknown[] = []
  const policy = hash((offered, pick) => {
    asked.push(offered, pick)
    return offered[2] ?? never(offered, pick)
  })
  const pick = Object.freeze({ key: undefined, attempt: 1 })
  t.equal(policy(targets, pick), targets[2])
  t.equal(asked[0], targets)
  t.equal(asked[1], pick)
  policy(targets, { key: 'k', attempt: 0 })
  t.equal(asked.length, 2, 'and is not asked about one with a key')
})

t.test('the key may be any text', async t => {
  const targets = equal(3)
  const policy = hash(never)
  for (const key of ['', ' ', '\0', '\ud800', '💥', '__proto__', 'x'.repeat(100_000)]) {
    t.ok(targets.includes(policy(targets, { key, attempt: 0 })))
  }
})
