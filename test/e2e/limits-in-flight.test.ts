import t from 'tap'
import { gateway, until, upstream } from '../kit/index.js'
import { ask, holding, isIdle, poolIn } from './holding.js'

t.test('what is beyond limits.inFlight waits, and goes on one by one as others end', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 2 } })
  const pool = poolIn(gate)
  const answers = Array.from({ length: 6 }, async (_, i) => await ask(gate, `/${i}`))
  await until(() => target.held() === 2 && pool.load.waiting === 4)
  t.same(pool.load, { inFlight: 2, streams: 0, waiting: 4 })
  for (let left = 3; left >= 0; left--) {
    target.release()
    await until(() => pool.load.waiting === left && target.held() === 2)
  }
  target.open()
  t.same((await Promise.all(answers)).map(({ status }) => status), [200, 200, 200, 200, 200, 200])
  t.equal(target.most(), 2)
  t.equal(target.hits(), 6)
  await until(() => isIdle(pool))
})

t.test('the limit holds for the pool and not for each of its targets or routes', async t => {
  const [a, b] = [await holding(t), await holding(t)]
  const gate = await gateway(t, {
    pools: { both: { targets: [a.url, b.url], limits: { inFlight: 2 } } }, routes: [{ pool: 'both', prefix: '/x' }, { pool: 'both', prefix: '/y' }]
  })
  const pool = poolIn(gate)
  const answers = ['/x/1', '/y/1', '/x/2', '/y/2'].map(async path => await ask(gate, path))
  await until(() => pool.load.waiting === 2 && a.held() + b.held() === 2)
  t.same([a.held(), b.held()], [1, 1])
  // What a handler sends goes through the same door.
  const own = pool.request({ method: 'GET', path: '/own' })
  await until(() => pool.load.waiting === 3)
  a.open()
  b.open()
  t.same((await Promise.all(answers)).map(({ status }) => status), [200, 200, 200, 200])
  await (await own).body.dump()
  await until(() => isIdle(pool))
})

t.test('a request has its place until the last byte of its answer', async t => {
  let end = (): void => {}
  const target = await upstream(t, (request, response) => {
    if (request.url !== '/long') {
      response.end('short')
      return
    }
    response.write('x'.repeat(20_000))
    end = () => { response.end() }
  })
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 1 } })
  const long = await gate.request('/long')
  const short = ask(gate, '/short')
  await until(() => poolIn(gate).load.waiting === 1)
  t.equal(target.hits(), 1)
  end()
  t.equal((await long.body.text()).length, 20_000)
  t.equal((await short).text, 'short')
})

t.test('an exchange has one place for all of its attempts', async t => {
  const [a, b] = [await upstream(t, (_request, response) => { response.writeHead(503).end() }), await holding(t)]
  const gate = await gateway(t, { targets: [a.url, b.url], policy: 'first', limits: { inFlight: 1 }, retries: { backoff: 0, budget: false } })
  const pool = poolIn(gate)
  const answers = [ask(gate, '/1'), ask(gate, '/2')]
  await until(() => b.held() === 1 && pool.load.waiting === 1)
  t.equal(pool.load.inFlight, 1)
  b.open()
  t.same((await Promise.all(answers)).map(({ status }) => status), [200, 200])
  t.equal(a.hits(), 2)
  await until(() => isIdle(pool))
})

t.test('with 0 there is no limit', async t => {
  const target = await holding(t)
  const gate = await gateway(t, { targets: [target.url], limits: { inFlight: 0, queue: 0 } })
  const answers = Array.from({ length: 60 }, async (_, i) => await ask(gate, `/${i}`))
  await until(() => target.held() === 60)
  target.open()
  t.ok((await Promise.all(answers)).every(({ status }) => status === 200))
})
