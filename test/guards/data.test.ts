import { createHmac, generateKeyPairSync, sign as signature, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { applyGuards, guards, guardsSchema, hashPassword, type GuardName } from '../../lib/guards/index.js'
import { optional } from '../../lib/guards/guard.js'
import balancer from '../../lib/index.js'
import { logged, named } from '../kit/index.js'
import { assertPassed, assertRefused, basic, guarded } from './kit.js'

type Block = Partial<Record<GuardName, object>>

/** A token as RFC 7519 has it: HS256 with a text, ES256 with a private key. */
function token (key: string | KeyObject, claims: object): string {
  const head = [{ alg: typeof key === 'string' ? 'HS256' : 'ES256', typ: 'JWT' }, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const signed = typeof key === 'string' ? createHmac('sha256', key).update(head).digest() : signature('sha256', Buffer.from(head), { key, dsaEncoding: 'ieee-p1363' })
  return `${head}.${signed.toString('base64url')}`
}

const by = (block: Block) => async (app: FastifyInstance): Promise<void> => { await applyGuards(app, block, { app, pools: app.upstreams ?? {} }) }

t.test('the schemas are plain JSON Schema: every option is described, and none has a function', async t => {
  t.same(JSON.parse(JSON.stringify(guardsSchema)), guardsSchema)
  t.ok(new Ajv().compile(guardsSchema))
  for (const [name, { schema }] of Object.entries(guards)) {
    t.type((schema as { description?: string }).description, 'string', name)
    for (const [option, of] of Object.entries((schema as { properties?: object }).properties ?? {})) t.type((of as { description?: string }).description, 'string', `${name}.${option}`)
  }
  t.same(Object.keys(guards), ['cors', 'helmet', 'underPressure', 'rateLimit', 'jwt', 'bearerAuth', 'basicAuth', 'forwardAuth', 'identity', 'compress'])
})

t.test('rateLimit: by address, or by a field; who is refused has not been asked for a password, and guesses count', async t => {
  const gateway = await guarded(t, by({ basicAuth: { users: { ada: 'pw' } }, rateLimit: { max: 3, timeWindow: 60_000, key: { header: 'X-Client' } } }))
  for (const status of [401, 401, 401, 429, 429]) {
    const { statusCode, body } = await gateway.request('/api/x', { headers: { 'x-client': 'a' } })
    await body.dump()
    t.equal(statusCode, status)
  }
  await assertRefused(t, gateway, 429, { 'x-client': 'a', authorization: basic('ada', 'pw') })
  await assertPassed(t, gateway, { 'x-client': 'b', authorization: basic('ada', 'pw') })
})

t.test('basicAuth: hashes and plain passwords; identity tells upstreams who it is', async t => {
  const gateway = await guarded(t, by({ basicAuth: { users: { ada: await hashPassword('pw'), bob: 'secret' }, realm: 'shop' }, identity: { 'x-user': 'sub' } }))
  await assertRefused(t, gateway, 401, { 'x-user': 'ada' }, headers => { t.match(headers, { 'www-authenticate': /^Basic realm="shop"/ }) })
  for (const [user, password] of [['ada', 'no'], ['bob', 'pw'], ['eve', 'pw'], ['eve', '']] as const) await assertRefused(t, gateway, 401, { authorization: basic(user, password) })
  for (const [user, password] of [['ada', 'pw'], ['bob', 'secret'], ['ada', 'pw']] as const) {
    await assertPassed(t, gateway, { authorization: basic(user, password), x_user: 'eve' })
    t.equal(gateway.last()['x-user'], user)
    t.equal(gateway.last()['x_user'], undefined)
  }
  await assertRefusedOnly(t, gateway, basic('ada', 'no'))
})

async function assertRefusedOnly (t: Tap, gateway: Awaited<ReturnType<typeof guarded>>, authorization: string): Promise<void> {
  const { statusCode, body } = await gateway.request('/api/x', { headers: { authorization } })
  await body.dump()
  t.equal(statusCode, 401, 'a wrong password is refused after a good one has been known')
}

type Tap = { equal: (a: unknown, b: unknown, message: string) => unknown }

t.test('jwt: a secret or a public key, issuer and audience; never an algorithm of the other kind', async t => {
  const directory = t.testdir({ secret: 'from a file\n' })
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(directory, 'key.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  const shared = await guarded(t, by({ jwt: { secretFile: join(directory, 'secret'), issuer: 'https://id.test' }, identity: { 'x-user': 'sub', 'x-roles': 'realm.roles' } }))
  await assertRefused(t, shared, 401, {}, headers => { t.equal(headers['www-authenticate'], 'Bearer') })
  await assertRefused(t, shared, 401, { authorization: `Bearer ${token('from a file', { sub: 'ada', iss: 'https://else.test' })}` }, headers => { t.match(headers['www-authenticate'], 'invalid_token') })
  await assertPassed(t, shared, { authorization: `Bearer ${token('from a file', { sub: 'ada', iss: 'https://id.test', realm: { roles: ['a', 'b'] } })}` })
  t.match(shared.last(), { 'x-user': 'ada', 'x-roles': 'a,b' })

  const asymmetric = await guarded(t, by({ jwt: { publicKeyFile: join(directory, 'key.pem'), audience: ['shop'] } }))
  await assertRefused(t, asymmetric, 401, { authorization: `Bearer ${token(publicKey.export({ type: 'spki', format: 'pem' }) as string, { aud: 'shop' })}` })
  await assertPassed(t, asymmetric, { authorization: `Bearer ${token(privateKey, { aud: 'shop' })}` })
  await t.rejects(guardedApp({ jwt: { publicKeyFile: join(directory, 'key.pem'), algorithms: ['HS256'] } }), { message: /guards\.jwt\.algorithms: 'HS256' does not fit the key/ })
  await t.rejects(guardedApp({ jwt: { secretFile: join(directory, 'gone') } }), { message: /guards\.jwt\.secretFile: .* can not be read \(ENOENT\)/ })
  await t.rejects(guardedApp({ jwt: { publicKeyFile: join(directory, 'secret') } }), { message: /guards\.jwt\.publicKeyFile: .* must have a public key/ })
})

t.test('bearerAuth, underPressure, cors, helmet and compress, with forwardAuth behind them, and each refusal says how to ask', async t => {
  const auth = await named(t, 'auth')
  const gateway = await guarded(t, async app => {
    await app.register(balancer, { pools: { auth: { targets: [auth.url] } } })
    await by({
      compress: { threshold: 100, encodings: ['gzip'] }, forwardAuth: { pool: 'auth', path: '/verify', copy: ['x-name'] }, bearerAuth: { keys: ['one', 'two'] }, underPressure: { maxRssBytes: 2 ** 40 }, helmet: { xFrameOptions: { action: 'deny' } }, cors: { origin: ['https://shop.test'], credentials: true }
    })(app)
  })
  await assertRefused(t, gateway, 401, { origin: 'https://shop.test' }, headers => {
    t.match(headers, { 'www-authenticate': 'Bearer', 'access-control-allow-origin': 'https://shop.test', 'access-control-allow-credentials': 'true', 'x-frame-options': 'DENY' })
  })
  await assertRefused(t, gateway, 401, { authorization: 'Bearer three' })
  t.equal(auth.hits(), 0)
  await assertPassed(t, gateway, { authorization: 'Bearer two', 'accept-encoding': 'gzip', 'x-name': 'eve' }, headers => { t.equal(headers['content-encoding'], 'gzip') })
  t.equal(gateway.last()['x-name'], 'auth')
  const preflight = await gateway.request('/api/x', { method: 'OPTIONS', headers: { origin: 'https://shop.test', 'access-control-request-method': 'DELETE' } })
  await preflight.body.dump()
  t.match([preflight.statusCode, preflight.headers['access-control-allow-methods']], [204, /DELETE/])
  const options = await gateway.request('/api/x', { method: 'OPTIONS', headers: { authorization: 'Bearer one' } })
  t.equal(options.statusCode, 200, 'what is no preflight is forwarded')
  await options.body.dump()
})

t.test('scopes of one app have guards of their own, inside others too', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await by({ rateLimit: { max: 6 }, cors: { origin: 'https://top.test' }, jwt: { secret: 'top' }, helmet: {} })(app)
  for (const [name, url, block] of [
    ['a', a.url, { rateLimit: { max: 2 }, cors: { origin: 'https://a.test' }, jwt: { secret: 'top', issuer: 'me' } }], ['b', b.url, { cors: { origin: 'https://b.test' } }]
  ] as Array<[string, string, Block]>) {
    await app.register(async scope => {
      await by(block)(scope)
      await scope.register(balancer, { prefix: `/${name}`, name, targets: [url] })
    })
  }
  const ask = async (path: string, iss?: string): Promise<[number, unknown]> => {
    const { statusCode, headers } = await app.inject({ url: path, headers: { authorization: `Bearer ${token('top', { sub: 'ada', iss })}`, origin: 'https://x.test' } })
    return [statusCode, headers['access-control-allow-origin']]
  }
  t.same(await ask('/a/x', 'me'), [200, 'https://a.test'])
  t.same(await ask('/a/x'), [401, 'https://a.test'])
  t.same(await ask('/a/x', 'me'), [429, 'https://a.test'])
  t.same(await ask('/b/x'), [200, 'https://b.test'])
  t.same(await ask('/b/x'), [200, 'https://b.test'])
  t.same(await ask('/b/x'), [200, 'https://b.test'])
  t.same(await ask('/b/x'), [429, undefined], 'the limit around both, which comes first')
})

async function guardedApp (block: Block): Promise<void> {
  const { app } = logged()
  try {
    await by(block)(app)
    await app.ready()
  } finally {
    await app.close()
  }
}

t.test('what is wrong is named, and secrets are not', async t => {
  for (const [block, message] of [
    [{ rateLimits: {} }, /^guards\.rateLimits: unknown option, allowed are cors, helmet/],
    [{ rateLimit: { max: 0 } }, /^guards\.rateLimit\.max: 0, must be >= 1/],
    [{ rateLimit: { redis: 'http://user:hunter2@host' } }, /^guards\.rateLimit\.redis: this value/],
    [{ rateLimit: { onStoreError: 'open' } }, /^guards\.rateLimit\.redis: missing, must be given with onStoreError/],
    [{ jwt: { secret: '' } }, /^guards\.jwt\.secret: this value, must not be empty/],
    [{ bearerAuth: { keys: ['hunter2', 'hunter2'] } }, /^guards\.bearerAuth\.keys: this value/],
    [{ basicAuth: { users: { ada: 'scrypt:hunter2' } } }, /^guards\.basicAuth\.users\.ada: this hash can not be read/],
    [{ forwardAuth: { pool: 'nobody', path: '/' } }, /^guards\.forwardAuth\.pool: 'nobody' is not a pool, must be one of none/],
    [{ identity: { host: 'sub' } }, /^identity\.host/]
  ] as Array<[Block, RegExp]>) {
    await t.rejects(guardedApp(block), { code: 'FST_BALANCER_BAD_OPTION', message })
    await guardedApp(block).catch((error: Error) => { t.notMatch(error.message, 'hunter2') })
  }
  await t.rejects(guardedApp({ jwt: {} }))
})

t.test('a package that is missing is named with what to install; one that is broken is another matter', async t => {
  await t.rejects(optional('jwt', 'no-such-package', async () => await import('no-such-package' as string)), { code: 'FST_BALANCER_BAD_OPTION', message: /^guards\.jwt: .*npm install no-such-package$/ })
  await t.rejects(optional('jwt', '@fastify/jwt', async () => await import('no-such-package' as string)), { code: 'ERR_MODULE_NOT_FOUND' })
})
