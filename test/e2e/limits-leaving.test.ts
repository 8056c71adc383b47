import t from 'tap'
import { gateway, until } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { ask, holding, isIdle, poolIn } from './holding.js'

for (const method of ['GET', 'POST'] as const) {
  void t.test(`a client that leaves the line makes room in it, and its ${method} is never sent`, async t => {
    const target = await holding(t)
    const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1, queue: 1, queueTimeout: 0 } })
    const pool = poolIn(gate)
    const first = ask(gate, '/first')
    await until(() => target.held() === 1)
    for (const leave of ['destroy', 'reset'] as const) {
      const client = await rawClient(t, gate.port)
      await client.send(`${method} /gone HTTP/1.1\r\nHost: g.test\r\n${method === 'POST' ? 'Content-Length: 1000\r\n\r\nsome of it' : '\r\n'}`)
      await until(() => pool.load.waiting === 1)
      client[leave]()
      await until(() => pool.load.waiting === 0)
    }
    const second = ask(gate, '/second')
    await until(() => pool.load.waiting === 1)
    target.open()
    t.same([(await first).status, (await second).status], [200, 200])
    t.same(target.paths, ['/first', '/second'])
    await until(() => isIdle(pool))
    t.same(pool.targets.map(({ counters: { attempts, aborted, faults } }) => ({ attempts, aborted, faults })), [{ attempts: 2, aborted: 0, faults: 0 }])
    t.equal(gate.log.filter(({ status }) => status === 499).length, 2)
  })
}

t.test('an aggregating handler can take its request out of the line', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1 } })
  const pool = poolIn(gate)
  const first = ask(gate, '/first')
  await until(() => target.held() === 1)
  const controller = new AbortController()
  const own = pool.request({ method: 'GET', path: '/own', signal: controller.signal })
  await until(() => pool.load.waiting === 1)
  controller.abort()
  await t.rejects(own, { name: 'AbortError' })
  t.equal(pool.load.waiting, 0)
  target.open()
  t.equal((await first).status, 200)
  t.same(target.paths, ['/first'])
})

t.test('a client that leaves while it is served lets the next one in', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { target: 1 } })
  const pool = poolIn(gate)
  const client = await rawClient(t, gate.port)
  await client.send('GET /gone HTTP/1.1\r\nHost: g.test\r\n\r\n')
  await until(() => target.held() === 1)
  const next = ask(gate, '/next')
  await until(() => pool.load.waiting === 1)
  client.destroy()
  await until(() => target.paths.includes('/next'))
  target.open()
  t.equal((await next).status, 200)
  await until(() => isIdle(pool))
})
