import t from 'tap'
import { gateway, named, type Echo } from '../kit/index.js'

/** A prefix, and what stands for it in a request. */
const PREFIXES = [['/api', '/api'], ['/api/', '/api'], ['/a/:id/b', '/a/7/b'], ['/', '']] as const

t.test('every prefix with every base path comes to one path upstream', async t => {
  const { url, hits } = await named(t, 'a')
  let expected = 0
  for (const [prefix, spelled] of PREFIXES) {
    for (const base of ['', '/', '/base', '/base/']) {
      const { request } = await gateway(t, { prefix, targets: [`${url}${base}`] }, { logger: false })
      const front = base.replace(/\/$/, '')
      for (const rest of ['', '/', '/x', '/x/', '/api/api', '/base/x', '/a/7/b', '?q=/api', '/x?q=/api/x&q=$%26']) {
        if (spelled === '' && !rest.startsWith('/')) continue
        const { statusCode, body } = await request(spelled + rest)
        const { url: seen } = await body.json() as Echo
        const path = front + rest
        t.same([statusCode, seen], [200, path.startsWith('/') ? path : `/${path}`], `${spelled}${rest} by ${prefix} to ${base}`)
        expected++
      }
      if (spelled === '') continue
      const { statusCode, body } = await request(`${spelled}foo`)
      await body.dump()
      t.equal(statusCode, 404, `${spelled}foo`)
    }
  }
  t.equal(hits(), expected)
})

t.test('queries of any kind arrive byte for byte', async t => {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, { prefix: '/api', targets: [`${url}/base`] })
  const many = Array.from({ length: 1500 }, (_, i) => `k${i}=${i}`).join('&')
  for (const query of ['?', '?a=1&a=2&a=', '?a+b=c%20d', '?%61=%2B+', '?a?b', '?u=http://host//path', '?/../..', `?${many}`]) {
    const { url: seen } = await (await request(`/api/x${query}`)).body.json() as Echo
    t.equal(seen, `/base/x${query}`, query.slice(0, 40))
  }
})

t.test('targets whose base paths and requests run together in the same way are never mixed up', async t => {
  const upstreams = [await named(t, 'a'), await named(t, 'b')]
  const bases = ['', '/a', '/a/b', '/a/b/c', '/a/', '/ab', '/a%2Fb', '/a%252Fb', '/%61']
  const places = upstreams.flatMap(({ url, port }, i) => bases.map((base, j) => ({ name: 'ab'[i] ?? '', pool: `p${i}-${j}`, url: url + base, base: base.replace(/\/$/, ''), port })))
  const { request } = await gateway(t, {
    pools: Object.fromEntries(places.map(({ pool, url }) => [pool, { targets: [url] }])),
    routes: places.map(({ pool }) => ({ prefix: `/${pool}`, pool }))
  }, { logger: false })
  const rests = ['', '/', '/a', '/a/b', '/b', '/b/c', '/c', '/a/b/c', '/a%2Fb', '/%61', '/@a', ...upstreams.map(({ port }) => `/:${port}/a`), ...upstreams.map(({ url }) => `/${url}/a`)]
  const cases = places.flatMap(place => rests.map(rest => ({ ...place, rest })))
  // Twice, and many at once: whatever is remembered of a request is then there for the next.
  for (let round = 0; round < 2; round++) {
    const seen: string[] = []
    const queue = cases.entries()
    await Promise.all(Array.from({ length: 10 }, async () => {
      for (const [i, { pool, rest }] of queue) {
        const { name, url, headers } = await (await request(`/${pool}${rest}`)).body.json() as Echo
        seen[i] = `${name} ${headers['host']} ${url}`
      }
    }))
    const expected = cases.map(({ name, port, base, rest }) => `${name} 127.0.0.1:${port} ${base + rest === '' ? '/' : base + rest}`)
    t.same(seen, expected)
  }
})
