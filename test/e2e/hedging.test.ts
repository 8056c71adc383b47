import t from 'tap'
import { gateway, named, until, upstream, type Echo } from '../kit/index.js'

t.test('a slow target is overtaken by another one, and sees its request cancelled', async t => {
  let gone = 0
  const slow = await upstream(t, (_request, response) => { response.on('close', () => { gone++ }) })
  const fast = await named(t, 'fast')
  const { app, request } = await gateway(t, { name: 'pool', targets: [slow.url, fast.url], policy: 'first', hedge: { delay: 30 } })
  for (const [i, options] of ([{}, { method: 'PUT', body: 'small' }, { method: 'DELETE' }] as const).entries()) {
    const response = await request('/', options)
    t.equal(response.statusCode, 200)
    t.match(await response.body.json() as Echo, { name: 'fast', bytes: 'body' in options ? 5 : 0 })
    await until(() => gone === i + 1)
  }
  t.same(app.upstreams['pool']?.targets.map(({ inFlight, counters }) => [inFlight, counters.faults, counters.aborted]), [[0, 0, 3], [0, 0, 0]])
})

t.test('a POST is never hedged', async t => {
  const slow = await upstream(t, (request, response) => { request.resume().on('end', () => { setTimeout(() => { response.end('slow') }, 150) }) })
  const fast = await named(t, 'fast')
  const { request } = await gateway(t, { targets: [slow.url, fast.url], policy: 'first', hedge: { delay: 10 } })
  const response = await request('/', { method: 'POST', body: 'x' })
  t.equal(await response.body.text(), 'slow')
  t.same([slow.hits(), fast.hits()], [1, 0])
})

t.test('a client that leaves cancels both', async t => {
  let open = 0
  const targets = await Promise.all([1, 2].map(async () => await upstream(t, (_request, response) => {
    open++
    response.on('close', () => { open-- })
  })))
  const { app, request } = await gateway(t, { name: 'pool', targets: targets.map(({ url }) => url), hedge: { delay: 10 } })
  const gone = new AbortController()
  const answer = request('/', { signal: gone.signal })
  await until(() => open === 2)
  gone.abort()
  await t.rejects(answer)
  await until(() => open === 0)
  t.match(app.upstreams['pool']?.targets, [1, 2].map(() => ({ inFlight: 0, counters: { aborted: 1, faults: 0 } })))
})

t.test('a target that has stopped is outrun by every hedge, and is ejected for it', async t => {
  const stopped = await upstream(t, () => {})
  const fast = await named(t, 'fast')
  const { app, request } = await gateway(t, { name: 'pool', targets: [stopped.url, fast.url], policy: 'first', hedge: { delay: 10 } })
  for (let i = 0; i < 5; i++) {
    t.equal(app.upstreams['pool']?.targets[0]?.health, 'up')
    await (await request('/')).body.dump()
  }
  t.match(app.upstreams['pool']?.targets[0], { health: 'down', reason: 'ejected: another target answered first', counters: { aborted: 5, faults: 0 } })
})
