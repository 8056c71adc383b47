import t from 'tap'
import { gateway } from '../kit/index.js'
import { changes, members, moody, status, statuses } from './breaker-kit.js'

for (const [what, code, headers] of [
  ['429 with a Retry-After', 429, { 'retry-after': '20' }],
  ['429', 429, {}],
  ['503 with a Retry-After', 503, { 'retry-after': '20' }]
] as ReadonlyArray<readonly [string, number, Record<string, string>]>) {
  t.test(`a target that answers ${what} gets a tenth, and is not ejected`, async t => {
    const [calm, tired] = [await moody(t), await moody(t, status(code, headers))]
    const gate = await gateway(t, { name: 'pool', targets: [calm.url, tired.url], retries: 0 })
    await statuses(gate, 2)
    t.equal(tired.hits(), 1)
    t.equal(members(gate)[1]?.share, 0.1)
    await statuses(gate, 200)
    // A tenth of a half.
    t.ok(tired.hits() >= 6 && tired.hits() <= 20, `${tired.hits()} of 200`)
    t.equal(members(gate)[1]?.health, 'up')
    t.same(changes(gate.log), [])
  })
}

t.test('when its time is over it has its share again', async t => {
  const [calm, tired] = [await moody(t), await moody(t, status(429, { 'retry-after': '1' }))]
  const gate = await gateway(t, { name: 'pool', targets: [calm.url, tired.url] })
  await statuses(gate, 2)
  tired.mood = status(200)
  await new Promise(resolve => { setTimeout(resolve, 1100) })
  t.equal(members(gate)[1]?.share, 1)
  const before = tired.hits()
  await statuses(gate, 20)
  t.equal(tired.hits() - before, 10)
})

t.test('a 503 without a Retry-After is a fault like any other', async t => {
  const [calm, broken] = [await moody(t), await moody(t, status(503))]
  const gate = await gateway(t, { name: 'pool', targets: [calm.url, broken.url] })
  t.same([...new Set(await statuses(gate, 30))], [200])
  t.equal(broken.hits(), 5)
  t.equal(members(gate)[1]?.health, 'down')
})

t.test('Retry-After reaches the client', async t => {
  const tired = await moody(t, status(429, { 'retry-after': '7' }))
  const { request } = await gateway(t, { targets: [tired.url] })
  const { statusCode, headers, body } = await request('/')
  await body.dump()
  t.same([statusCode, headers['retry-after']], [429, '7'])
})
