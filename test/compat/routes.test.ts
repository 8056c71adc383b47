import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { named, upstream } from '../kit/index.js'
import { both, same } from './kit.js'

const json = { method: 'POST', body: '{"method":"valid","n":1.0}', headers: { 'content-type': 'application/json' } } as const

t.test('preHandler and beforeHandler run before anything is sent, and may answer', async t => {
  const { url, hits } = await named(t, 'a')
  for (const hook of ['preHandler', 'beforeHandler']) {
    const apps = await both(t, {
      upstream: url,
      async [hook] (request: FastifyRequest, reply: FastifyReply) {
        request.headers['x-user'] = 'u1'
        if (request.headers['x-deny'] !== undefined) return reply.code(401).send({ error: 'Unauthorized' })
      }
    })
    t.equal((await same(t, apps, '/x', json)).echo?.headers['x-user'], 'u1')
    const before = hits()
    t.equal((await same(t, apps, '/x', { headers: { 'x-deny': '1' } })).status, 401)
    t.equal(hits(), before)
  }
})

t.test('preValidation sees the parsed body, whatever is said of proxyPayloads or nothing', async t => {
  const { url } = await named(t, 'a')
  for (const more of [{}, { proxyPayloads: false }]) {
    const apps = await both(t, {
      upstream: url,
      ...more,
      async preValidation (request: FastifyRequest, reply: FastifyReply) {
        if ((request.body as { method: string }).method !== 'valid') return reply.code(400).send({ message: 'no such method' })
      }
    })
    t.match((await same(t, apps, '/x', json)).echo, { bytes: 24, headers: { 'content-length': '24', 'content-type': 'application/json' } }, 'what the parser made of it')
    t.equal((await same(t, apps, '/x', { ...json, body: '{"method":"other"}' })).status, 400)
    t.equal((await same(t, apps, '/x', { ...json, body: '{' })).status, 400)
    await same(t, apps, '/x', { method: 'POST', body: '{"method":"valid"}', headers: { 'content-type': 'application/json', 'x-a': 'b' } })
  }
})

t.test('proxyPayloads false, with parsers of the app and types that are sent as JSON', async t => {
  const { url } = await named(t, 'a')
  const apps = await both(t, {
    upstream: url,
    proxyPayloads: false,
    contentTypesToEncode: ['application/vnd.api+json'],
    async preHandler ({ body }: FastifyRequest) { if (typeof body === 'object') Object.assign(body as object, { added: true }) }
  }, {
    before (app) {
      app.addContentTypeParser('application/vnd.api+json', { parseAs: 'string' }, (_request, body, done) => { done(null, JSON.parse(String(body))) })
    }
  })
  t.equal((await same(t, apps, '/x', json)).echo?.bytes, '{"method":"valid","n":1,"added":true}'.length)
  t.equal((await same(t, apps, '/x', { ...json, headers: { 'content-type': 'application/vnd.api+json' } })).echo?.bytes, '{"method":"valid","n":1,"added":true}'.length)
  await same(t, apps, '/x', { method: 'POST', body: 'text', headers: { 'content-type': 'text/plain' } })
  t.equal((await same(t, apps, '/x', { method: 'POST', body: '<x/>', headers: { 'content-type': 'application/xml' } })).status, 415)
})

t.test('bodies go on unread by default', async t => {
  const { url } = await named(t, 'a')
  const apps = await both(t, { upstream: url })
  for (const type of ['application/json', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/octet-stream']) {
    await same(t, apps, '/x', { method: 'POST', body: '{"a":  not parsed', headers: { 'content-type': type } })
  }
  await same(t, apps, '/x', { method: 'PUT', body: Buffer.alloc(300_000, 'x'), headers: { 'content-type': 'application/octet-stream' } })
  await same(t, apps, '/x', { method: 'DELETE' })
})

t.test('config and constraints', async t => {
  const [{ url: a }, { url: b }] = [await named(t, 'a'), await named(t, 'b')]
  const configs: unknown[] = []
  const preHandler = async ({ routeOptions }: FastifyRequest): Promise<void> => { configs.push((routeOptions.config as unknown as { name?: string }).name) }
  const apps = await both(t, [
    side => ({ upstream: a, constraints: { host: 'a.test' }, config: { name: 'first' }, preHandler, ...(side === 'ours' ? { name: 'first' } : {}) }),
    side => ({ upstream: b, constraints: { host: 'b.test' }, config: { name: 'second' }, preHandler, ...(side === 'ours' ? { name: 'second' } : {}) })
  ])
  t.equal((await same(t, apps, '/x', { headers: { host: 'a.test' } })).echo?.name, 'a')
  t.equal((await same(t, apps, '/x', { headers: { host: 'b.test' } })).echo?.name, 'b')
  t.equal((await same(t, apps, '/x')).status, 404)
  t.same(configs, ['first', 'first', 'second', 'second'])
})

t.test('internalRewriteLocationHeader', async t => {
  const { url } = await upstream(t, (request, response) => {
    response.writeHead(302, { location: decodeURIComponent(String(request.url?.split('=')[1])) }).end()
  })
  for (const internalRewriteLocationHeader of [true, false, undefined]) {
    for (const [options, locations] of [
      [{ prefix: '/api' }, ['/login', '/login?next=/x', 'https://other.test/x']],
      [{ prefix: '/api', rewritePrefix: '/v2' }, ['/v2/login', '/v2', '/login', 'https://other.test/v2']],
      [{}, ['/login', 'https://other.test/x']]
    ] as const) {
      const apps = await both(t, { upstream: url, internalRewriteLocationHeader, ...options })
      for (const location of locations) await same(t, apps, `${'prefix' in options ? '/api' : ''}/x?to=${encodeURIComponent(location)}`)
    }
  }
})

t.test("the plugin's options that have nothing to do here change nothing, and logLevel does", async t => {
  const { url } = await named(t, 'a')
  const apps = await both(t, {
    upstream: url, logLevel: 'silent', http2: false, disableRequestLogging: true, disableCache: true, cacheURLs: 5, destroyAgent: true, undici: { headersTimeout: 5000, bodyTimeout: 5000, pipelining: 1 }
  })
  await same(t, apps, '/x', json)
})

t.test('undici.headersTimeout is a 504', async t => {
  const { url } = await upstream(t, () => {})
  const { theirs, ours } = await both(t, { upstream: url, undici: { headersTimeout: 1000 } })
  t.same([(await theirs.ask('/x')).status, (await ours.ask('/x')).status], [504, 504])
})
