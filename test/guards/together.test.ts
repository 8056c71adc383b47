import basicAuth from '@fastify/basic-auth'
import bearerAuth from '@fastify/bearer-auth'
import compress from '@fastify/compress'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import balancer from '../../lib/index.js'
import { named } from '../kit/index.js'
import { assertPassed, assertRefused, basic, guarded, type Fields } from './kit.js'

const SECRET = 'a secret of the test'

type Step = (app: FastifyInstance) => Promise<void>

/** The Authorization field is the key's; the other two have fields of their own. */
const steps: Record<string, Step> = {
  cors: async app => { await app.register(cors, { origin: true }) },
  helmet: async app => { await app.register(helmet) },
  underPressure: async app => { await app.register(underPressure, { maxRssBytes: 2 ** 40 }) },
  rateLimit: async app => { await app.register(rateLimit, { max: request => request.headers['x-client'] === 'bad' ? 0 : 1000, keyGenerator: request => String(request.headers['x-client']) }) },
  jwt: async app => {
    await app.register(jwt, { secret: SECRET, verify: { extractToken: (request: FastifyRequest) => request.headers['x-token'] as string } as never })
    app.addHook('onRequest', async request => { await request.jwtVerify() })
  },
  bearerAuth: async app => { await app.register(bearerAuth, { keys: new Set(['key']) }) },
  basicAuth: async app => {
    await app.register(basicAuth, { header: 'x-login', async validate (user: string, password: string) { if (user !== 'ada' || password !== 'pw') throw new Error('no') } })
    app.addHook('onRequest', (app as unknown as { basicAuth: never }).basicAuth)
  },
  compress: async app => { await app.register(compress) }
}

function without (fields: Fields, name: string): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([each]) => each !== name))
}

for (const order of [Object.keys(steps), Object.keys(steps).reverse()]) {
  t.test(`all eight plugins at once guard a balanced route: ${order.join(', ')}`, async t => {
    const gateway = await guarded(t, async app => { for (const name of order) await steps[name]?.(app) })
    const good = { origin: 'https://shop.test', 'accept-encoding': 'gzip', 'x-client': 'good', 'x-token': gateway.app.jwt.sign({ sub: 'ada' }), authorization: 'Bearer key', 'x-login': basic('ada', 'pw') }
    await assertRefused(t, gateway, 429, { ...good, 'x-client': 'bad' })
    await assertRefused(t, gateway, 401, without(good, 'authorization'))
    await assertRefused(t, gateway, 401, without(good, 'x-login'))
    await assertRefused(t, gateway, 400, without(good, 'x-token'))
    await assertRefused(t, gateway, 401, { ...good, 'x-token': `${good['x-token']}x` })
    await assertPassed(t, gateway, good, headers => {
      t.match(headers, {
        'access-control-allow-origin': 'https://shop.test', 'x-frame-options': 'SAMEORIGIN', 'x-ratelimit-limit': '1000', 'content-encoding': 'gzip'
      })
    })
  })
}

t.test('plugins that are registered behind the balancer guard it too, but for the two that add to routes as they are declared', async t => {
  const { url, hits } = await named(t, 'a')
  const gateway = await guarded(t, async app => {
    await app.register(balancer, { prefix: '/first', name: 'first', targets: [url] })
    for (const step of Object.values(steps)) await step(app)
  })
  const refused = await gateway.request('/first/x', { headers: { 'x-client': 'good', origin: 'https://shop.test' } })
  t.equal(refused.statusCode, 400)
  t.match(refused.headers, { 'access-control-allow-origin': 'https://shop.test', 'x-frame-options': 'SAMEORIGIN' })
  await refused.body.dump()
  t.equal(hits(), 0)
  const passed = await gateway.request('/first/x', {
    headers: { 'x-client': 'bad', 'accept-encoding': 'gzip', 'x-token': gateway.app.jwt.sign({ sub: 'ada' }), authorization: 'Bearer key', 'x-login': basic('ada', 'pw') }
  })
  await passed.body.dump()
  t.equal(passed.statusCode, 200)
  t.equal(passed.headers['x-ratelimit-limit'], undefined)
  t.equal(passed.headers['content-encoding'], undefined)
})

t.test('hooks that plugins put into routes are in each of them once, also when the route has a list of its own', async t => {
  let calls = 0
  const gateway = await guarded(t, app => {
    app.addHook('onRoute', route => {
      if (!Array.isArray(route.onRequest)) throw new Error('a list is expected')
      route.onRequest.push(async () => { calls++ })
    })
  }, { onRequest: [async () => {}] })
  const { body } = await gateway.request('/api/x')
  await body.dump()
  t.equal(calls, 1)
})
