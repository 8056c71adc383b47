import t from 'tap'
import { VirtualClock } from '../kit/clock.js'
import { gateway, until } from '../kit/index.js'
import { ask, holding, isIdle, poolIn } from './holding.js'

/** Requests that the targets can answer in one step of time, in milliseconds, and steps. */
const CAPACITY = 10
const STEP = 50
const STEPS = 30

for (const queueOrder of ['oldest', 'newest'] as const) {
  void t.test(`at twice the capacity the targets are as busy as they can be, none more, and the rest is told (${queueOrder})`, async t => {
    const clock = new VirtualClock()
    const targets = [await holding(t), await holding(t)]
    const gate = await gateway(t, {
      targets: targets.map(({ url }) => url), policy: 'least-requests', limits: { target: CAPACITY / 2, queue: 25, queueTimeout: 200, queueOrder }, clock
    })
    const pool = poolIn(gate)
    const answers: Array<{ readonly status: number, readonly waited: number }> = []
    const clients: Array<Promise<void>> = []
    const come = async (): Promise<void> => {
      const came = clock.now()
      const { status, headers } = await ask(gate, '/')
      if (status !== 200) t.match(headers, { 'retry-after': '1' })
      answers.push({ status, waited: clock.now() - came })
    }
    let sent = 0
    for (let step = 0; step < STEPS; step++) {
      for (let i = 0; i < CAPACITY * 2; i++) clients.push(come())
      sent += CAPACITY * 2
      const held = (): number => targets.reduce((sum, target) => sum + target.held(), 0)
      await until(() => held() === CAPACITY && answers.length + CAPACITY + pool.load.waiting === sent, 20_000)
      await clock.advance(STEP)
      // The line lets the next ones in as these are answered.
      const done = answers.filter(({ status }) => status === 200).length + CAPACITY
      for (const target of targets) for (let i = 0; i < CAPACITY / 2; i++) target.release()
      await until(() => answers.filter(({ status }) => status === 200).length === done, 20_000)
    }
    for (const target of targets) target.open()
    await Promise.all(clients)
    const good = answers.filter(({ status, waited }) => status === 200 && waited <= 300).length
    t.ok(good >= 0.9 * CAPACITY * STEPS, `${good} of ${CAPACITY * STEPS} were answered in time`)
    t.ok(answers.every(({ status }) => status === 200 || status === 503))
    for (const target of targets) t.equal(target.most(), CAPACITY / 2)
    t.same(pool.targets.map(({ counters }) => counters.faults), [0, 0])
    await until(() => isIdle(pool))
  })
}
