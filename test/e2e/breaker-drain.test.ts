import t from 'tap'
import { gateway, until } from '../kit/index.js'
import { changes, health, members, moody, status, statuses } from './breaker-kit.js'

t.test('a target that asks for it in an answer is drained for as long as it says, and the client does not see it', async t => {
  const [stays, leaves] = [await moody(t), await moody(t, status(200, { 'x-upstream-drain': '1', 'x-other': 'seen' }))]
  const gate = await gateway(t, { name: 'pool', policy: 'first', targets: [leaves.url, stays.url] })
  const { headers, statusCode, body } = await gate.request('/')
  await body.dump()
  t.same([statusCode, headers['x-upstream-drain'], headers['x-other']], [200, undefined, 'seen'])
  t.same(health(gate), ['draining', 'up'])
  t.equal(members(gate)[0]?.reason, 'it asked to be drained')
  await statuses(gate, 20)
  t.equal(leaves.hits(), 1)
  leaves.mood = status(200)
  await until(() => health(gate)[0] === 'up')
  await statuses(gate, 5)
  t.equal(leaves.hits(), 6)
  t.same(changes(gate.log), ['up → draining', 'draining → up'])
})

t.test('0 takes the wish back', async t => {
  const [a, b] = [await moody(t, status(200, { 'x-upstream-drain': '60' })), await moody(t)]
  const gate = await gateway(t, { name: 'pool', policy: 'first', targets: [a.url, b.url] })
  let release = (): void => {}
  a.mood = response => { release = () => { status(200, { 'x-upstream-drain': '0' })(response, '/') } }
  const slow = statuses(gate, 1)
  await until(() => a.hits() === 1)
  a.mood = status(200, { 'x-upstream-drain': '60' })
  await statuses(gate, 1)
  t.equal(health(gate)[0], 'draining')
  release()
  await slow
  t.equal(health(gate)[0], 'up')
})

t.test('when all have asked, they are used all the same', async t => {
  const both = [await moody(t, status(200, { 'x-upstream-drain': '60' })), await moody(t, status(200, { 'x-upstream-drain': '60' }))]
  const gate = await gateway(t, { name: 'pool', targets: both.map(({ url }) => url) })
  t.same([...new Set(await statuses(gate, 10))], [200])
  t.same(health(gate), ['draining', 'draining'])
})

t.test('with drainHeader false the field is like any other', async t => {
  const target = await moody(t, status(200, { 'x-upstream-drain': '60' }))
  const gate = await gateway(t, { name: 'pool', targets: [target.url, (await moody(t)).url], policy: 'first', drainHeader: false })
  const { headers, body } = await gate.request('/')
  await body.dump()
  t.equal(headers['x-upstream-drain'], '60')
  t.equal(health(gate)[0], 'up')
})

t.test('another name for the field works the same', async t => {
  const target = await moody(t, status(200, { 'x-leaving': 'yes' }))
  const gate = await gateway(t, { name: 'pool', targets: [target.url, (await moody(t)).url], policy: 'first', drainHeader: 'X-Leaving' })
  const { headers, body } = await gate.request('/')
  await body.dump()
  t.equal(headers['x-leaving'], undefined)
  t.equal(health(gate)[0], 'draining')
})

t.test('a failing probe that asks for it drains at once, until probes succeed', async t => {
  const [a, b] = [await moody(t), await moody(t)]
  const gate = await gateway(t, { name: 'pool', targets: [a.url, b.url], health: { path: '/healthz', interval: 30, fall: 1000, rise: 2 } })
  await statuses(gate, 4)
  a.mood = (response, path) => { (path === '/healthz' ? status(503, { 'x-upstream-drain': '1' }) : status(200))(response, path) }
  await until(() => health(gate)[0] === 'draining')
  a.mood = (response, path) => { (path === '/healthz' ? status(503) : status(200))(response, path) }
  const { attempts } = members(gate)[0]?.counters ?? {}
  await until(() => a.hits() > 50, 20_000)
  t.equal(health(gate)[0], 'draining', 'however long that takes')
  await statuses(gate, 10)
  t.equal(members(gate)[0]?.counters.attempts, attempts)
  a.mood = status(200)
  await until(() => health(gate)[0] === 'up')
  t.same(changes(gate.log), ['up → draining', 'draining → up'])
})

t.test('an answer that asked for a second does not end what a failing probe asked for', async t => {
  const [a, b] = [await moody(t, status(503, { 'x-upstream-drain': '1' })), await moody(t)]
  const gate = await gateway(t, { name: 'pool', targets: [a.url, b.url], policy: 'first', health: { path: '/healthz', interval: 60, fall: 1000, rise: 1 } })
  await until(() => health(gate)[0] === 'draining')
  const slow = gate.app.upstreams['pool']
  await slow?.set([a.url])
  await statuses(gate, 1)
  await slow?.set([a.url, b.url])
  await new Promise(resolve => { setTimeout(resolve, 1200) })
  t.equal(health(gate)[0], 'draining')
})
