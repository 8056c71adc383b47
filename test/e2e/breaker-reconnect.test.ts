import t from 'tap'
import { gateway, named, until } from '../kit/index.js'
import { health, members, statuses } from './breaker-kit.js'

t.test('a target that was away is back soon after it listens again, and no request fails for it', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const gate = await gateway(t, { name: 'pool', targets: [a.url, b.url], breaker: { reconnect: 200, ejection: 60_000, maxEjection: 60_000 } })
  const seen = new Set(await statuses(gate, 10))
  await b.kill()
  for (const code of await statuses(gate, 40)) seen.add(code)
  t.equal(health(gate)[1], 'down')
  const attempts = members(gate)[1]?.counters.attempts
  for (const code of await statuses(gate, 40)) seen.add(code)
  t.equal(members(gate)[1]?.counters.attempts, attempts, 'users do not find out whether it is back')

  const back = await named(t, 'b', b.port)
  const started = performance.now()
  while (health(gate)[1] !== 'up' && performance.now() - started < 20_000) for (const code of await statuses(gate, 2)) seen.add(code)
  const took = performance.now() - started
  t.ok(took <= 2 * 1.2 * 200 + 3000, `${took} ms`)
  const before = back.hits()
  for (const code of await statuses(gate, 20)) seen.add(code)
  t.equal(back.hits() - before, 10, 'it has its share again')
  t.same([...seen], [200])
})

t.test('the tries stop when the app closes', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const gate = await gateway(t, { name: 'pool', targets: [a.url, b.url], breaker: { reconnect: 50 } })
  await b.kill()
  await statuses(gate, 20)
  t.equal(health(gate)[1], 'down')
  await gate.client.close()
  const back = await named(t, 'b', b.port)
  let connections = 0
  back.server.on('connection', () => { connections++ })
  const closed = gate.app.close()
  const before = connections
  await closed
  await new Promise(resolve => { setTimeout(resolve, 200) })
  t.equal(connections, before)
})

t.test('a target that listens but does not speak HTTP well costs one request its first try and no more', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const gate = await gateway(t, { name: 'pool', targets: [a.url, b.url], breaker: { reconnect: 50, ejection: 60_000, maxEjection: 60_000 } })
  await b.kill()
  await statuses(gate, 20)
  const back = await named(t, 'b', b.port)
  back.server.removeAllListeners('request')
  let asked = 0
  back.server.on('request', request => {
    asked++
    request.socket.resetAndDestroy()
  })
  await until(() => health(gate)[1] === 'trial')
  t.same([...new Set(await statuses(gate, 20))], [200])
  t.equal(health(gate)[1], 'down')
  t.equal(asked, 1, 'one request found out')
})
