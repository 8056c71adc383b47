import t from 'tap'
import { VirtualClock } from '../kit/clock.js'
import { gateway, until } from '../kit/index.js'
import { ask, holding, isIdle, poolIn } from './holding.js'

t.test('an adaptive limit grows while a target is quick, shrinks while it is slow, and grows again', async t => {
  const clock = new VirtualClock()
  const target = await holding(t)
  const gate = await gateway(t, {
    targets: [target.url], limits: { adaptive: { initial: 6, min: 2, max: 12, queueSize: 1 }, queue: 100, queueTimeout: 0 }, timeouts: { headers: 0, idle: 0 }, clock
  })
  const pool = poolIn(gate)
  const limit = (): number => pool.targets[0]?.limit ?? 0
  /** As many requests as it takes, all of which are answered after this time. */
  const round = async (ms: number): Promise<void> => {
    const count = limit()
    const answers = Array.from({ length: count }, async () => await ask(gate, '/'))
    await until(() => target.held() === count)
    await clock.advance(ms)
    for (let i = 0; i < count; i++) target.release()
    t.ok((await Promise.all(answers)).every(({ status }) => status === 200))
    await until(() => isIdle(pool))
  }
  t.equal(limit(), 6)
  for (let i = 0; i < 8; i++) await round(10)
  t.equal(limit(), 12, 'no further than the maximum')
  for (let i = 0; i < 6; i++) await round(1000)
  const low = limit()
  t.ok(low <= 4, `${low} when it takes a hundred times as long`)
  t.ok(low >= 2, 'no further than the minimum')
  for (let i = 0; i < 40 && limit() < 12; i++) await round(10)
  t.equal(limit(), 12)
})

t.test('what is beyond an adaptive limit waits, and does not get through to the target', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { adaptive: { initial: 3, min: 3, max: 3 } } })
  const pool = poolIn(gate)
  const answers = Array.from({ length: 10 }, async () => await ask(gate, '/'))
  await until(() => target.held() === 3 && pool.load.waiting === 7)
  target.open()
  t.ok((await Promise.all(answers)).every(({ status }) => status === 200))
  t.equal(target.most(), 3)
})

t.test('the smaller of two limits of a target is the one that holds', async t => {
  const target = await holding(t)
  for (const [limits, expected] of [[{ target: 2, adaptive: true }, 2], [{ target: 500, adaptive: true }, 20], [{ adaptive: true }, 20], [{ adaptive: false }, Infinity]] as const) {
    const gate = await gateway(t, { targets: [target.url], limits })
    t.equal(poolIn(gate).targets[0]?.limit, expected)
  }
})
