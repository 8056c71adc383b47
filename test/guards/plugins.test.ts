import basicAuth from '@fastify/basic-auth'
import bearerAuth from '@fastify/bearer-auth'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { identity } from '../../lib/index.js'
import { until } from '../kit/index.js'
import { assertPassed, assertRefused, basic, guarded } from './kit.js'

t.test('@fastify/rate-limit refuses before a target is picked', async t => {
  const gateway = await guarded(t, async app => {
    await app.register(rateLimit, { max: request => request.headers['x-client'] === 'good' ? 1000 : 0, keyGenerator: request => String(request.headers['x-client']) })
  })
  await assertRefused(t, gateway, 429, { 'x-client': 'bad' }, headers => { t.match(headers, { 'retry-after': /^\d+$/, 'x-ratelimit-limit': '0' }) })
  await assertPassed(t, gateway, { 'x-client': 'good' }, headers => { t.match(headers, { 'x-ratelimit-limit': '1000' }) })
})

t.test('@fastify/rate-limit lets exactly its limit through, whatever comes at once, WebSockets counted in', async t => {
  const gateway = await guarded(t, async app => { await app.register(rateLimit, { max: 7 }) })
  const statuses = await Promise.all(Array.from({ length: 40 }, async () => {
    const { statusCode, body } = await gateway.request('/api/x')
    await body.dump()
    return statusCode
  }))
  t.equal(statuses.filter(status => status === 200).length, 7)
  t.equal(statuses.filter(status => status === 429).length, 33)
  t.equal(gateway.seen().requests, 7)
  t.equal(gateway.picks(), 7)
  t.equal(gateway.settled(), 7)
})

t.test('@fastify/jwt refuses before a target is picked, and what it finds is the identity that goes upstream', async t => {
  let token = ''
  const gateway = await guarded(t, async app => {
    await app.register(jwt, { secret: 'a secret of the test' })
    token = app.jwt.sign({ sub: 'ada', roles: 7 })
    app.addHook('onRequest', async request => { await request.jwtVerify() })
    app.addHook('onRequest', identity({ 'X-User-Id': request => (request.user as { sub: string }).sub, 'x-empty': () => undefined }))
  })
  await assertRefused(t, gateway, 401, {})
  await assertRefused(t, gateway, 401, { authorization: `Bearer ${token.slice(0, -3)}` })
  await assertPassed(t, gateway, { authorization: `Bearer ${token}`, 'x-user-id': 'eve', x_user_id: 'eve', 'x-empty': 'eve' })
  t.equal(gateway.last()['x-user-id'], 'ada')
  t.equal(gateway.last()['x_user_id'], undefined)
  t.equal(gateway.last()['x-empty'], undefined)
})

t.test('@fastify/bearer-auth refuses before a target is picked', async t => {
  const gateway = await guarded(t, async app => { await app.register(bearerAuth, { keys: new Set(['one', 'two']) }) })
  await assertRefused(t, gateway, 401, {})
  await assertRefused(t, gateway, 401, { authorization: 'Bearer three' })
  await assertPassed(t, gateway, { authorization: 'Bearer two' })
})

t.test('@fastify/basic-auth refuses before a target is picked', async t => {
  const gateway = await guarded(t, async app => {
    await app.register(basicAuth, {
      authenticate: { realm: 'test' },
      async validate (user: string, password: string) { if (user !== 'ada' || password !== 'pw') throw new Error('no') }
    })
    app.addHook('onRequest', (app as unknown as { basicAuth: never }).basicAuth)
  })
  await assertRefused(t, gateway, 401, {}, headers => { t.match(headers, { 'www-authenticate': /^Basic realm="test"/ }) })
  await assertRefused(t, gateway, 401, { authorization: basic('ada', 'no') })
  await assertPassed(t, gateway, { authorization: basic('ada', 'pw') })
})

t.test('@fastify/under-pressure refuses before a target is picked, and no longer once there is no pressure', async t => {
  let healthy = false
  const gateway = await guarded(t, async app => { await app.register(underPressure, { healthCheck: async () => healthy, healthCheckInterval: 10, retryAfter: 3 }) })
  await assertRefused(t, gateway, 503, {}, headers => { t.match(headers, { 'retry-after': '3' }) })
  healthy = true
  await until(() => !gateway.app.isUnderPressure())
  await assertPassed(t, gateway, {})
})

t.test('@fastify/cors answers preflights before a target is picked, and says who may read what is forwarded', async t => {
  const gateway = await guarded(t, async app => { await app.register(cors, { origin: ['https://shop.test'], methods: ['GET', 'PUT'] }) })
  const { statusCode, headers, body } = await gateway.request('/api/x', {
    method: 'OPTIONS', headers: { origin: 'https://shop.test', 'access-control-request-method': 'PUT' }
  })
  await body.dump()
  t.equal(statusCode, 204)
  t.match(headers, { 'access-control-allow-origin': 'https://shop.test', 'access-control-allow-methods': 'GET, PUT' })
  gateway.untouched('a preflight')
  await assertPassed(t, gateway, { origin: 'https://shop.test' }, headers => { t.match(headers, { 'access-control-allow-origin': 'https://shop.test', vary: /Origin/ }) })
  await assertPassed(t, gateway, { origin: 'https://other.test' }, headers => { t.equal(headers['access-control-allow-origin'], undefined) })
})

t.test('@fastify/helmet: its fields are in what is forwarded, in refusals and in the 101', async t => {
  const refuse = async (app: FastifyInstance): Promise<void> => {
    app.addHook('onRequest', async (request, reply) => request.headers['x-bad'] === undefined ? undefined : await reply.code(403).send({}))
  }
  const gateway = await guarded(t, async app => {
    await app.register(helmet)
    await refuse(app)
  })
  const fields = { 'x-content-type-options': 'nosniff', 'strict-transport-security': /max-age/ }
  await assertRefused(t, gateway, 403, { 'x-bad': '1' }, headers => { t.match(headers, fields) })
  await assertPassed(t, gateway, {}, headers => { t.match(headers, fields) })
})
