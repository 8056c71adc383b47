import diagnostics from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import { poolOf, shares } from '../health/kit.js'
import { named, REFUSING } from '../kit/index.js'

const NAMES = ['attempt:start', 'attempt:end', 'exchange:end', 'health', 'membership']

/** What comes on all channels from now on. */
function listen (t: Test): Array<[string, Record<string, unknown>]> {
  const heard: Array<[string, Record<string, unknown>]> = []
  for (const name of NAMES) {
    const listener = (message: unknown): void => { heard.push([name, message as Record<string, unknown>]) }
    diagnostics.subscribe(`fastify-balancer:${name}`, listener)
    t.teardown(() => { diagnostics.unsubscribe(`fastify-balancer:${name}`, listener) })
  }
  return heard
}

t.test('every channel has its messages', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { pool } = poolOf(t, { targets: [REFUSING, a.url], policy: 'first' })
  const heard = listen(t)
  await shares(pool, 1)
  t.same(heard.map(([name]) => name), ['attempt:start', 'attempt:end', 'attempt:start', 'attempt:end', 'exchange:end'])
  t.match(heard, [
    [String, { target: { url: REFUSING }, attempt: { pool: 'test', method: 'GET', path: '/', number: 1, why: 'first' } }],
    [String, { target: { url: REFUSING }, outcome: { kind: 'unsent' }, attempt: { number: 1 } }],
    [String, { target: { url: a.url }, attempt: { number: 2, why: 'retry' } }],
    [String, { outcome: { kind: 'answered' } }],
    [String, { pool: 'test', status: 200, code: 'answered_elsewhere' }]
  ])
  heard.length = 0
  pool.drain(a.url)
  pool.add(b.url)
  await pool.remove(b.url)
  t.match(heard, [
    ['health', { pool: 'test', target: { url: a.url }, was: 'up', health: 'draining', reason: 'drained' }],
    ['membership', { pool: 'test', target: { url: b.url }, change: 'joined' }],
    ['membership', { pool: 'test', target: { url: b.url }, change: 'left' }]
  ])
})

t.test('somebody who begins to listen in the middle of an attempt hears of the next one', async t => {
  const a = await named(t, 'a')
  const { pool } = poolOf(t, { targets: [a.url] })
  const asked = pool.request({ method: 'GET', path: '/' })
  const heard = listen(t)
  await (await asked).body.dump()
  t.same(heard.map(([name]) => name), ['exchange:end'])
  await shares(pool, 1)
  t.same(heard.map(([name]) => name), ['exchange:end', 'attempt:start', 'attempt:end', 'exchange:end'])
})
