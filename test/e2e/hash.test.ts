import type { FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import type { HashPolicyOptions, PoolOptions } from '../../lib/index.js'
import { gateway, named, until, type Echo, type Gateway, type Upstream } from '../kit/index.js'

const KEYS = Array.from({ length: 24 }, (_, i) => `user-${i}`)

interface Setup extends Gateway {
  readonly targets: Upstream[]
  /** Which target answers. */
  readonly who: (path?: string, headers?: Record<string, string>) => Promise<string>
}

async function hashing (t: Test, key: HashPolicyOptions['key'], options: Partial<PoolOptions> & { fallback?: HashPolicyOptions['fallback'] } = {}, fastifyOptions: FastifyServerOptions = {}): Promise<Setup> {
  const { fallback, ...pool } = options
  const targets = await Promise.all(['a', 'b', 'c', 'd'].map(async name => await named(t, name)))
  const made = await gateway(t, {
    name: 'p', targets: targets.map(({ url }) => url), policy: { name: 'hash', key, ...(fallback === undefined ? undefined : { fallback }) }, ...pool
  }, fastifyOptions)
  const who = async (path = '/', headers = {}): Promise<string> => (await (await made.request(path, { headers })).body.json() as Echo).name
  return { ...made, targets, who }
}

/** Asserts that each key has one target, whatever else differs, and that keys are spread. */
async function assertSticks (t: Test, ask: (key: string, other: string) => Promise<string>): Promise<void> {
  const used = new Set<string>()
  for (const key of KEYS) {
    const answers = new Set([await ask(key, '1'), await ask(key, '2'), await ask(key, '3')])
    t.equal(answers.size, 1, `${key} has one target`)
    for (const name of answers) used.add(name)
  }
  // 24 keys leave one of four targets out about once in 250 maps, and two once in 3 million.
  t.ok(used.size >= 3, `${used.size} targets are used`)
}

t.test('a header, in whatever case', async t => {
  const { who } = await hashing(t, { header: 'X-User' })
  await assertSticks(t, async (key, other) => await who(`/${other}`, { 'x-user': key, cookie: `a=${other}` }))
})

t.test('a cookie, among others', async t => {
  const { who } = await hashing(t, { cookie: 'sid' })
  await assertSticks(t, async (key, other) => await who('/', { cookie: `xsid=${other}; sid=${key}; b=${other}` }))
})

t.test('a query parameter', async t => {
  const { who } = await hashing(t, { query: 'id' })
  await assertSticks(t, async (key, other) => await who(`/${other}?x=${other}&id=${key}`))
})

t.test('the path, without the query', async t => {
  const { who } = await hashing(t, 'path')
  await assertSticks(t, async (key, other) => await who(`/${key}?x=${other}`))
})

t.test("the client's address, as far as its proxy is trusted", async t => {
  const { who } = await hashing(t, 'address', {}, { trustProxy: true })
  await assertSticks(t, async (key, other) => await who(`/${other}`, { 'x-forwarded-for': `10.0.0.${KEYS.indexOf(key)}` }))
  const untrusting = await hashing(t, 'address')
  const names = new Set<string>()
  for (let i = 0; i < 10; i++) names.add(await untrusting.who('/', { 'x-forwarded-for': `10.0.0.${i}` }))
  t.equal(names.size, 1)
})

t.test('a function of the request, hooks included', async t => {
  const { who } = await hashing(t, request => String(request.headers['x-a']) + String(request.headers['x-b']))
  await assertSticks(t, async (key, other) => await who(`/${other}`, { 'x-a': key.slice(0, 3), 'x-b': key.slice(3) }))
})

t.test('a pool that is asked directly goes by the option `key`, and agrees with its route', async t => {
  const { app, who } = await hashing(t, { header: 'x-user' })
  for (const key of KEYS) {
    const response = await app.upstreams['p']?.request({ method: 'GET', path: '/', ...{ key } })
    t.equal((await response?.body.json() as Echo).name, await who('/', { 'x-user': key }))
  }
})

t.test('two gateways with the same targets agree, whatever their order', async t => {
  const first = await hashing(t, { header: 'x-user' })
  const second = await gateway(t, { targets: first.targets.map(({ url }) => url).reverse(), policy: { name: 'hash', key: { header: 'x-user' } } })
  for (const key of KEYS) {
    const { name } = await (await second.request('/', { headers: { 'x-user': key } })).body.json() as Echo
    t.equal(name, await first.who('/', { 'x-user': key }))
  }
})

t.test('without a key, or with an empty one, the fallback picks', async t => {
  const first = await hashing(t, { header: 'x-user' }, { fallback: 'first' })
  for (const headers of [{}, { 'x-user': '' }, { 'x-other': '1' }]) {
    for (let i = 0; i < 3; i++) t.equal(await first.who('/', headers as Record<string, string>), 'a')
  }
  const rotation = await hashing(t, { cookie: 'sid' }, { fallback: 'round-robin' })
  const names = new Set<string>()
  for (let i = 0; i < 4; i++) names.add(await rotation.who('/', { cookie: 'sid=; other=1' }))
  t.equal(names.size, 4)
  const anyone = await hashing(t, () => undefined)
  const picked = new Set<string>()
  // 40 picks at random miss three of four targets with a chance below 1e-23.
  for (let i = 0; i < 40; i++) picked.add(await anyone.who())
  t.ok(picked.size > 1)
})

t.test('only the keys of a target that is gone move, and they come back with it', async t => {
  const { app, targets, who } = await hashing(t, { header: 'x-user' }, {
    health: { path: '/', interval: 20, timeout: 5000, rise: 1, fall: 1 }, panic: 0, policy: { name: 'hash', key: { header: 'x-user' } }
  })
  const map = async (): Promise<string[]> => await Promise.all(KEYS.map(async key => await who('/', { 'x-user': key })))
  const before = await map()
  const gone = targets.findIndex((_, i) => before.includes('abcd'.charAt(i)))
  const name = 'abcd'.charAt(gone)
  const { port = 0 } = targets[gone] ?? {}
  await targets[gone]?.kill()
  // At once: a request whose target refuses goes on to the next best for its key.
  const during = await map()
  for (const [i, was] of before.entries()) {
    if (was === name) t.not(during[i], name)
    else t.equal(during[i], was)
  }
  await until(() => app.upstreams['p']?.targets[gone]?.health === 'down')
  t.same(await map(), during)
  await named(t, name, port)
  await until(() => app.upstreams['p']?.targets[gone]?.health === 'up')
  t.same(await map(), before)
})

t.test('a key function that throws makes a 500 for that request and hurts nobody else', async t => {
  const { app, request, who } = await hashing(t, request => {
    if (request.url === '/bad') throw new Error('of the user')
    return 'key'
  })
  const { statusCode, body } = await request('/bad')
  await body.dump()
  t.equal(statusCode, 500)
  t.ok(await who('/good'))
  t.same(app.upstreams['p']?.targets.map(({ inFlight }) => inFlight), [0, 0, 0, 0])
})
