import t from 'tap'
import { gateway, REFUSING } from '../kit/index.js'
import { changes, health, members, moody, status, statuses, type Moody } from './breaker-kit.js'

for (const [what, mood] of Object.entries<Moody['mood']>({
  'answers 500': status(500),
  'resets its connections': response => { response.socket?.resetAndDestroy() },
  'breaks its answers off': response => {
    response.writeHead(200, { 'content-length': 50_000 })
    response.write('x', () => { response.destroy() })
  }
})) {
  t.test(`a target that ${what} is ejected after five requests`, async t => {
    const [good, bad] = [await moody(t), await moody(t, mood)]
    const gate = await gateway(t, { name: 'pool', targets: [good.url, bad.url], retries: 0 })
    const ask = async (): Promise<void> => { await statuses(gate, 1).catch(() => {}) }
    for (let i = 0; i < 30 && bad.hits() < 5; i++) {
      t.equal(health(gate)[1], 'up')
      await ask()
    }
    for (let i = 0; i < 20; i++) await ask()
    t.equal(bad.hits(), 5)
    t.same(health(gate), ['up', 'down'])
    t.match(members(gate)[1]?.reason, /^ejected: /)
    t.same(changes(gate.log), ['up → down'])
  })
}

t.test('a target that refuses connections is ejected after five, and no request fails', async t => {
  const good = await moody(t)
  const gate = await gateway(t, { name: 'pool', targets: [good.url, REFUSING] })
  t.same([...new Set(await statuses(gate, 40))], [200])
  t.equal(members(gate)[1]?.counters.unsent, 5)
  t.same(health(gate), ['up', 'down'])
})

t.test('a target that fails every other request is ejected after twenty', async t => {
  const [good, bad] = [await moody(t), await moody(t)]
  bad.mood = (response, path) => { status(bad.hits() % 2 === 0 ? 500 : 200)(response, path) }
  const gate = await gateway(t, { name: 'pool', targets: [good.url, bad.url], retries: 0 })
  await statuses(gate, 80)
  t.equal(bad.hits(), 20)
  t.equal(health(gate)[1], 'down')
})

t.test('a target that fails one request in three is not', async t => {
  const [good, bad] = [await moody(t), await moody(t)]
  bad.mood = (response, path) => { status(bad.hits() % 3 === 0 ? 500 : 200)(response, path) }
  const gate = await gateway(t, { name: 'pool', targets: [good.url, bad.url], retries: 0 })
  await statuses(gate, 90)
  t.ok(bad.hits() >= 40)
  t.same(changes(gate.log), [])
})

for (const code of [400, 401, 404, 408, 429, 499]) {
  t.test(`answers with ${code} eject nobody`, async t => {
    const [good, other] = [await moody(t), await moody(t, status(code))]
    const gate = await gateway(t, { name: 'pool', targets: [good.url, other.url] })
    await statuses(gate, 60)
    t.same(health(gate), ['up', 'up'])
    t.equal(members(gate)[1]?.counters.faults, 0)
  })
}
