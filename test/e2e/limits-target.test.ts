import t from 'tap'
import { gateway, until, upstream } from '../kit/index.js'
import { ask, holding, isIdle, poolIn } from './holding.js'

t.test('a full target is passed over, whatever the policy, and when all are full requests wait', async t => {
  for (const policy of ['round-robin', 'random', 'least-requests', 'p2c', 'first', { name: 'hash', key: 'path' }, (targets: readonly unknown[]) => targets[0]]) {
    const [a, b] = [await holding(t), await holding(t)]
    const gate = await gateway(t, { targets: [a.url, b.url], policy: policy as 'first', limits: { target: 2 } })
    const pool = poolIn(gate)
    const answers = Array.from({ length: 6 }, async () => await ask(gate, '/same'))
    await until(() => pool.load.waiting === 2 && a.held() + b.held() === 4)
    t.same([a.held(), b.held()], [2, 2], String(policy))
    t.same(pool.targets.map(({ limit, inFlight }) => [limit, inFlight]), [[2, 2], [2, 2]])
    b.release()
    await until(() => pool.load.waiting === 1 && b.held() === 2)
    a.open()
    b.open()
    t.ok((await Promise.all(answers)).every(({ status }) => status === 200))
    t.same([a.most(), b.most()], [2, 2])
    await until(() => isIdle(pool))
  }
})

t.test('a retry passes full targets over too, and is not made when there is no other', async t => {
  const [busy, sick] = [await holding(t), await upstream(t, (_request, response) => { response.writeHead(503).end('sick') })]
  const gate = await gateway(t, { targets: [busy.url, sick.url], policy: 'first', limits: { target: 1 }, breaker: false })
  const first = ask(gate, '/1')
  await until(() => busy.held() === 1)
  const second = await ask(gate, '/2')
  t.match(second, { status: 503, text: 'sick' }, 'the answer of the only target with room')
  t.notHas(second.headers, 'retry-after', 'an answer of a target is not changed')
  t.equal(busy.hits(), 1)
  busy.open()
  t.equal((await first).status, 200)
})

t.test('what waits goes to a target that joins', async t => {
  const [a, b] = [await holding(t), await holding(t)]
  const gate = await gateway(t, { targets: [a.url], limits: { target: 1 } })
  const pool = poolIn(gate)
  const answers = [ask(gate, '/1'), ask(gate, '/2')]
  await until(() => pool.load.waiting === 1)
  pool.add(b.url)
  await until(() => b.held() === 1)
  t.equal(pool.load.waiting, 0)
  a.open()
  b.open()
  t.same((await Promise.all(answers)).map(({ status }) => status), [200, 200])
})

t.test('what waits goes to a target that is no longer drained', async t => {
  const [a, b] = [await holding(t), await holding(t)]
  const gate = await gateway(t, { targets: [a.url, b.url], limits: { target: 1 } })
  const pool = poolIn(gate)
  pool.drain(b.url)
  const answers = [ask(gate, '/1'), ask(gate, '/2')]
  await until(() => pool.load.waiting === 1)
  t.equal(b.hits(), 0)
  pool.drain(b.url, false)
  await until(() => b.held() === 1)
  a.open()
  b.open()
  t.same((await Promise.all(answers)).map(({ status }) => status), [200, 200])
})

t.test('without a limit of its own a target has none', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url] })
  t.equal(poolIn(gate).targets[0]?.limit, Infinity)
})
