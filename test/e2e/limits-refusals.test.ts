import t from 'tap'
import { VirtualClock } from '../kit/clock.js'
import { gateway, until } from '../kit/index.js'
import { ask, holding, isIdle, poolIn } from './holding.js'

t.test('who has waited for limits.queueTimeout gets a 503 with a Retry-After, not before', async t => {
  const clock = new VirtualClock()
  const target = await holding(t)
  // Without other limits of time, every timer that is left would be one of the queue.
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1, queueTimeout: 500 }, timeouts: { headers: 0, idle: 0 }, clock })
  const pool = poolIn(gate)
  const first = ask(gate, '/1')
  await until(() => target.held() === 1)
  const second = ask(gate, '/2')
  await until(() => pool.load.waiting === 1)
  await clock.advance(300)
  const third = ask(gate, '/3')
  await until(() => pool.load.waiting === 2)
  await clock.advance(199)
  t.equal(pool.load.waiting, 2)
  await clock.advance(1)
  const { status, code, headers, text } = await second
  t.match({ status, code, headers }, { status: 503, code: 'FST_BALANCER_QUEUE_TIMEOUT', headers: { 'retry-after': '1', 'content-type': /json/ } })
  t.notMatch(text, '127.0.0.1')
  t.equal(pool.load.waiting, 1, 'who came later has its own time')
  await clock.advance(300)
  t.match(await third, { status: 503, code: 'FST_BALANCER_QUEUE_TIMEOUT' })
  target.open()
  t.equal((await first).status, 200)
  t.same(target.paths, ['/1'], 'nothing of the others was ever sent')
  await until(() => isIdle(pool))
  t.same(pool.targets.map(({ counters }) => counters.faults), [0], 'and nobody is blamed')
  await until(() => clock.pending === 0)
})

t.test('with queueTimeout 0 one waits for as long as it takes', async t => {
  const clock = new VirtualClock()
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1, queueTimeout: 0 }, timeouts: { headers: 0, idle: 0 }, clock })
  const answers = [ask(gate, '/1'), ask(gate, '/2')]
  await until(() => poolIn(gate).load.waiting === 1)
  await clock.advance(3_600_000)
  target.open()
  t.same((await Promise.all(answers)).map(({ status }) => status), [200, 200])
})

t.test('when the line is full the answer is a 503 at once, while time stands still', async t => {
  const clock = new VirtualClock()
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1, queue: 2 }, clock })
  const pool = poolIn(gate)
  const answers = [1, 2, 3].map(async i => await ask(gate, `/${i}`))
  await until(() => pool.load.waiting === 2 && target.held() === 1)
  for (let i = 0; i < 20; i++) {
    const refused = await ask(gate, '/more', { method: 'POST', body: 'x'.repeat(1000) })
    t.match(refused, { status: 503, code: 'FST_BALANCER_QUEUE_FULL', headers: { 'retry-after': '1' } })
  }
  t.same(pool.load, { inFlight: 1, streams: 0, waiting: 2 })
  target.open()
  t.same((await Promise.all(answers)).map(({ status }) => status), [200, 200, 200])
  t.equal(target.hits(), 3)
})

t.test('with queue 0 nobody waits', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { target: 1, queue: 0 } })
  const first = ask(gate, '/1')
  await until(() => target.held() === 1)
  t.match(await ask(gate, '/2'), { status: 503, code: 'FST_BALANCER_QUEUE_FULL' })
  target.open()
  t.equal((await first).status, 200)
  t.equal((await ask(gate, '/3')).status, 200)
})

t.test('who waits when the app closes is not forgotten', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1 } })
  const pool = poolIn(gate)
  const first = ask(gate, '/1')
  const second = ask(gate, '/2')
  await until(() => pool.load.waiting === 1 && target.held() === 1)
  const closed = pool.close()
  t.match(await second, { status: 503, code: 'FST_BALANCER_POOL_CLOSED', headers: { 'retry-after': '1' } })
  target.open()
  t.equal((await first).status, 200)
  await closed
})
