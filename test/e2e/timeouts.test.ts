import t from 'tap'
import { gateway, named, rawUpstream, until, upstream } from '../kit/index.js'

for (const [name, timeouts] of [['headers', { headers: 300 }], ['try', { try: 300 }]] as const) {
  t.test(`timeouts.${name} of 300 ms is kept within reason, and is a 504`, async t => {
    let closed = 0
    const silent = await upstream(t, (_request, response) => { response.on('close', () => { closed++ }) })
    const { request } = await gateway(t, { targets: [silent.url], timeouts })
    const took: number[] = []
    for (let i = 0; i < 4; i++) {
      const begun = performance.now()
      const response = await request('/')
      took.push(performance.now() - begun)
      t.equal(response.statusCode, 504)
      t.match(await response.body.json(), { code: 'FST_BALANCER_HEADERS_TIMEOUT' })
    }
    t.ok(Math.min(...took) > 295, String(took))
    t.ok(Math.min(...took) < 500, String(took))
    await until(() => closed === 4)
  })

  t.test(`after timeouts.${name} a GET moves on, a POST does not`, async t => {
    const silent = await upstream(t, () => {})
    const good = await named(t, 'good')
    const { request } = await gateway(t, { targets: [silent.url, good.url], policy: 'first', timeouts })
    const got = await request('/')
    await got.body.dump()
    t.equal(got.statusCode, 200)
    const posted = await request('/', { method: 'POST', body: 'x' })
    t.equal(posted.statusCode, 504)
    t.match(await posted.body.json(), { code: 'FST_BALANCER_HEADERS_TIMEOUT' })
    t.same([silent.hits(), good.hits()], [2, 1])
  })
}

t.test('timeouts.try covers the connection: a POST that was never sent moves on, and without others it is a 504', async t => {
  const hole = (await rawUpstream(t, () => {})).replace('http', 'https')
  const good = await named(t, 'good')
  const { request } = await gateway(t, {
    pools: { two: { targets: [hole, good.url], policy: 'first', timeouts: { try: 300 } }, one: { targets: [hole], timeouts: { try: 300 } } },
    routes: [{ prefix: '/two', pool: 'two' }, { prefix: '/one', pool: 'one' }]
  })
  const moved = await request('/two', { method: 'POST', body: 'x' })
  await moved.body.dump()
  t.equal(moved.statusCode, 200)
  const alone = await request('/one', { method: 'POST', body: 'x' })
  t.equal(alone.statusCode, 504)
  t.match(await alone.body.json(), { code: 'FST_BALANCER_HEADERS_TIMEOUT' })
})

t.test('the time for headers does not begin before the upload has ended', async t => {
  const good = await named(t, 'good')
  const { request } = await gateway(t, { targets: [good.url], timeouts: { headers: 300 } })
  const response = await request('/', {
    method: 'POST',
    body: (async function * () {
      for (let i = 0; i < 8; i++) {
        yield 'x'
        await new Promise(resolve => { setTimeout(resolve, 100) })
      }
    })() as never
  })
  t.equal(response.statusCode, 200)
  t.match(await response.body.json(), { bytes: 8 })
})
