import t from 'tap'
import { gateway, until } from '../kit/index.js'
import { changes, health, members, moody, status, statuses, type Moody } from './breaker-kit.js'

const BREAKER = { ejection: 300, maxEjection: 60_000, jitter: 0 }

async function ejected (t: Parameters<typeof moody>[0], policy: 'round-robin' | 'least-requests' | 'p2c' | 'first' | 'random'): Promise<{ good: Moody, bad: Moody, gate: Awaited<ReturnType<typeof gateway>> }> {
  const [bad, good] = [await moody(t, status(500)), await moody(t)]
  const gate = await gateway(t, { name: 'pool', targets: [bad.url, good.url], policy, retries: 0, breaker: BREAKER })
  await until(() => {
    if (health(gate)[0] === 'up') void statuses(gate, 1)
    return health(gate)[0] === 'down'
  })
  return { good, bad, gate }
}

for (const policy of ['round-robin', 'least-requests', 'p2c', 'first', 'random'] as const) {
  t.test(`a target on trial gets one of many requests at once, and is back when that is answered: ${policy}`, async t => {
    const { bad, good, gate } = await ejected(t, policy)
    await until(() => health(gate)[0] === 'trial')
    await until(() => members(gate).every(({ inFlight }) => inFlight === 0))
    const before = bad.hits()
    const answers: Array<() => void> = []
    bad.mood = response => { answers.push(() => { status(200)(response, '/') }) }
    good.mood = bad.mood
    const all = Promise.all(Array.from({ length: 40 }, async () => await statuses(gate, 1)))
    await until(() => answers.length === 40)
    t.equal(bad.hits() - before, 1)
    for (const answer of answers) answer()
    await all
    t.equal(health(gate)[0], 'up')
  })
}

t.test('a trial that fails ejects for twice as long, and each step is one line in the log', async t => {
  const { bad, gate } = await ejected(t, 'first')
  await until(() => health(gate)[0] === 'trial')
  const before = bad.hits()
  t.same(await statuses(gate, 1), [500])
  t.equal(health(gate)[0], 'down')
  const again = performance.now()
  t.same(await statuses(gate, 10), Array<number>(10).fill(200))
  t.equal(bad.hits(), before + 1)
  await until(() => health(gate)[0] === 'trial')
  const second = performance.now() - again
  t.ok(second >= 450, `${second} ms, after 300 the first time`)
  bad.mood = status(200)
  await statuses(gate, 1)
  t.same(changes(gate.log), ['up → down', 'down → trial', 'trial → down', 'down → trial', 'trial → up'])
  t.same(gate.log.filter(({ was }) => was !== undefined).map(({ level, msg, pool, target, reason }) => [level, msg, pool, target, reason]), [
    [40, 'target is down', 'pool', bad.url, 'ejected: status 500'],
    [30, 'target is trial', 'pool', bad.url, 'its ejection is over'],
    [40, 'target is down', 'pool', bad.url, 'ejected: status 500'],
    [30, 'target is trial', 'pool', bad.url, 'its ejection is over'],
    [30, 'target is up', 'pool', bad.url, 'it answers again']
  ])
})

t.test('probes that succeed end an ejection before its time', async t => {
  const [bad, good] = [await moody(t), await moody(t)]
  const gate = await gateway(t, {
    name: 'pool',
    targets: [bad.url, good.url],
    policy: 'first',
    retries: 0,
    breaker: { ejection: 60_000, maxEjection: 60_000 },
    health: { path: '/healthz', interval: 40, rise: 1, fall: 1 }
  })
  bad.mood = status(500)
  await until(() => {
    if (health(gate)[0] === 'up') void statuses(gate, 1)
    return health(gate)[0] === 'down'
  })
  await until(() => members(gate)[0]?.reason === 'status 500')
  bad.mood = status(200)
  await until(() => health(gate)[0] === 'up')
  t.same(await statuses(gate, 1), [200])
})
