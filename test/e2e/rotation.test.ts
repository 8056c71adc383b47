import t from 'tap'
import { gateway, upstream } from '../kit/index.js'

t.test('two routes on one pool share its rotation: 3,000 requests from 20 clients come to exactly 1,000 on each target', async t => {
  const targets = await Promise.all([1, 2, 3].map(async () => await upstream(t, (_request, response) => { response.end('x') })))
  const { app, request } = await gateway(t, {
    pools: { shared: { targets: targets.map(({ url }) => url) } },
    routes: [{ prefix: '/one', pool: 'shared' }, { prefix: '/two', pool: 'shared' }]
  }, { logger: false })

  let left = 3000
  const odd: number[] = []
  async function client (): Promise<void> {
    while (left-- > 0) {
      const response = await request(left % 2 === 0 ? '/one/a' : '/two/b')
      if (response.statusCode !== 200) odd.push(response.statusCode)
      await response.body.dump()
    }
  }
  await Promise.all(Array.from({ length: 20 }, client))

  t.same(odd, [])
  t.same(targets.map(target => target.hits()), [1000, 1000, 1000])
  t.same(app.upstreams['shared']?.targets.map(({ counters }) => counters.answered), [1000, 1000, 1000])
})

t.test('the routes of one pool take turns in one rotation', async t => {
  const order: string[] = []
  const targets = await Promise.all(['a', 'b', 'c'].map(async name => await upstream(t, (_request, response) => {
    order.push(name)
    response.end()
  })))
  const { request } = await gateway(t, {
    pools: { shared: { targets: targets.map(({ url }) => url) } },
    routes: [{ prefix: '/one', pool: 'shared' }, { prefix: '/two', pool: 'shared' }]
  })
  for (let i = 0; i < 12; i++) await (await request(i % 2 === 0 ? '/one' : '/two')).body.dump()
  // The start is drawn; from there on it goes round.
  const names = 'abc'
  const start = names.indexOf(order[0] ?? '')
  t.same(order, Array.from({ length: 12 }, (_, i) => names[(start + i) % 3]))
})

t.test('requests of the app itself and requests of clients share the rotation', async t => {
  const seen: Array<Set<string>> = []
  const targets = await Promise.all([0, 1].map(async i => await upstream(t, (request, response) => {
    seen[i] = (seen[i] ?? new Set()).add(request.url ?? '')
    response.end()
  })))
  const { app, request } = await gateway(t, { name: 'pool', targets: targets.map(({ url }) => url) })
  for (let i = 0; i < 10; i++) {
    await (await request('/client')).body.dump()
    await (await app.upstreams['pool']?.request({ method: 'GET', path: '/app' }))?.body.dump()
  }
  t.same(targets.map(target => target.hits()), [10, 10])
  t.same(seen.map(paths => paths.size), [1, 1], 'in one rotation of two each kind comes to its own target')
})

t.test('two pools have a rotation each', async t => {
  const hits: Record<string, number> = {}
  const targets = await Promise.all(['a', 'b'].map(async name => await upstream(t, (request, response) => {
    const key = `${request.url?.split('/')[1] ?? ''} ${name}`
    hits[key] = (hits[key] ?? 0) + 1
    response.end()
  })))
  const urls = targets.map(({ url }) => url)
  const { request } = await gateway(t, {
    pools: { one: { targets: urls }, two: { targets: urls } },
    routes: [{ prefix: '/1', pool: 'one', rewritePrefix: '/one' }, { prefix: '/2', pool: 'two', rewritePrefix: '/two' }]
  })
  // In step with each other: a shared rotation would send each route to one target only.
  for (let i = 0; i < 10; i++) {
    await (await request('/1/')).body.dump()
    await (await request('/2/')).body.dump()
  }
  t.same(hits, { 'one a': 5, 'one b': 5, 'two a': 5, 'two b': 5 })
})
