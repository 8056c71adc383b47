import t, { type Test } from 'tap'
import type { Pool } from '../../lib/pool.js'
import { poolOf, type PoolLine } from '../health/kit.js'

const A = 'http://a.internal:3000'
const B = 'http://b.internal:3000/base'

function members (t: Test): { pool: Pool, log: PoolLine[] } {
  const { pool, log } = poolOf(t, { targets: [A, { url: B, weight: 2 }] })
  pool.start()
  return { pool, log }
}

/** Whatever a caller without types may come up with. */
const wrongTargets: ReadonlyArray<readonly [unknown, string]> = [
  [undefined, 'undefined, must be a URL or { url, weight, priority, zone, host }'],
  [null, 'null, must be a URL or { url, weight, priority, zone, host }'],
  [3000, 'must be a URL or { url, weight, priority, zone, host }'],
  [{}, 'must be a URL or { url, weight, priority, zone, host }'],
  [{ url: 3000 }, 'must be a URL or { url, weight, priority, zone, host }'],
  ['', '\'\', must be an absolute http: or https: URL'],
  ['a.internal:3000', '\'a.internal:3000\', must be an absolute http: or https: URL'],
  ['//a.internal', 'must be an absolute http: or https: URL'],
  ['ftp://a.internal', 'must be an absolute http: or https: URL'],
  ['http://', 'must be an absolute http: or https: URL'],
  ['http://a.internal:99999', 'must be an absolute http: or https: URL'],
  ['http://me:secret@a.internal', 'credentials; send them as a header'],
  ['http://c.internal/?x=1', 'must not have a query or a fragment'],
  ['http://c.internal/#x', 'must not have a query or a fragment'],
  [{ url: 'http://c.internal', wieght: 2 }, 'wieght: unknown option, allowed are url, weight, priority, zone, host']
]

const wrongWeights: ReadonlyArray<readonly [unknown, string]> = [
  [-1, '-1, must be >= 0'],
  [NaN, 'NaN, must be a number'],
  [Infinity, 'Infinity, must be a number'],
  ['2', '\'2\', must be a number'],
  [null, 'null, must be a number'],
  [[1], '[ 1 ], must be a number']
]

/** Text of a BadOptionError, which begins with where the mistake is. */
function mistake (path: string, text: string): { code: string, message: RegExp } {
  const escaped = (part: string): string => part.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')
  return { code: 'FST_BALANCER_BAD_OPTION', message: new RegExp(`^${escaped(path)}.*${escaped(text)}`) }
}

t.test('add says what is wrong with its target, and adds nothing', async t => {
  const { pool, log } = members(t)
  const before = pool.targets
  for (const [target, text] of wrongTargets) {
    t.throws(() => { pool.add(target as string) }, mistake('target', text), text)
  }
  for (const [weight, text] of wrongWeights) {
    t.throws(() => { pool.add({ url: 'http://c.internal', weight: weight as number }) }, mistake('target.weight: ', text), text)
  }
  for (const url of [A, `${A}/`, 'HTTP://A.internal:3000', `${B}/`]) {
    t.throws(() => { pool.add(url) }, mistake('target: ', 'is in pool \'test\' already'), url)
  }
  t.same(pool.targets, before)
  t.same(log, [])
})

t.test('the same host on another port or below another path is another target', async t => {
  const { pool } = members(t)
  for (const url of ['http://a.internal:3001', 'https://a.internal:3000', 'http://a.internal:3000/base', 'http://b.internal:3000/other']) pool.add(url)
  t.equal(pool.targets.length, 6)
})

t.test('set says which of its targets is wrong, and changes nothing, neither before nor after it', async t => {
  const { pool, log } = members(t)
  const before = pool.targets
  const changed = [{ url: A, weight: 9 }, 'http://c.internal'] as const
  for (const [target, text] of wrongTargets) {
    await t.rejects(pool.set([...changed, target as string, 'http://d.internal']), mistake('targets[2]', text), text)
  }
  for (const [weight, text] of wrongWeights) {
    await t.rejects(pool.set([...changed, { url: B, weight: weight as number }]), mistake('targets[2].weight: ', text), text)
  }
  await t.rejects(pool.set([A, 'http://c.internal', `${A}/`]), mistake('targets[2]: ', 'is listed already, as targets[0]'))
  for (const list of [undefined, null, A, 2, { 0: A, length: 1 }, new Set([A])]) {
    await t.rejects(pool.set(list as unknown as string[]), mistake('targets: ', 'must be a list'))
  }
  t.same(pool.targets, before)
  t.same(log, [])
})

t.test('remove and drain say that there is no such target, and which there are', async t => {
  const { pool, log } = members(t)
  const before = pool.targets
  const stranger = mistake('url: \'http://c.internal\' is not in pool \'test\'', `which has ${A}, ${B}`)
  await t.rejects(pool.remove('http://c.internal'), stranger)
  t.throws(() => { pool.drain('http://c.internal') }, stranger)
  await t.rejects(pool.remove('http://b.internal:3000'), mistake('url: ', 'is not in pool'), 'the base path is part of a target')
  for (const url of [undefined, null, 0, '', 'a.internal:3000', {}]) {
    await t.rejects(pool.remove(url as string), mistake('url: ', 'must be an absolute http: or https: URL'))
    t.throws(() => { pool.drain(url as string) }, mistake('url: ', 'must be an absolute http: or https: URL'))
  }
  t.same(pool.targets, before)
  t.same(log, [])
})

t.test('a target is named in any spelling of its URL', async t => {
  const { pool } = members(t)
  pool.drain('HTTP://A.INTERNAL:3000/')
  t.equal(pool.targets[0]?.health, 'draining')
  await pool.remove(`${B}//`)
  t.same(pool.targets.map(({ url }) => url), [A])
  await pool.remove(A)
  await t.rejects(pool.remove(A), mistake('url: ', 'which has no targets'))
})
