import type { IncomingMessage, RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { forwardAuth, identity, type ForwardAuthOptions } from '../../lib/index.js'
import balancer from '../../lib/index.js'
import { REFUSING, until, upstream } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { handshake } from '../upgrade/kit.js'
import { assertPassed, assertRefused, guarded, type Guarded } from './kit.js'

interface Asked extends Guarded { readonly asked: IncomingMessage[] }

/** A guarded route, and a service that is asked, with a target before it that can not be reached. */
async function asking (t: Test, listener: RequestListener, options: Partial<ForwardAuthOptions> = {}, targets?: string[]): Promise<Asked> {
  const asked: IncomingMessage[] = []
  const { url } = await upstream(t, (request, response) => {
    asked.push(request)
    listener(request, response)
  })
  const gateway = await guarded(t, async app => {
    await app.register(balancer, { pools: { auth: { targets: targets ?? [REFUSING, url], policy: 'first' } } })
    app.addHook('onRequest', forwardAuth({ pool: 'auth', path: '/verify?for=gateway', ...options }))
  })
  return { ...gateway, asked }
}

t.test('forward auth asks another service, by another target if need be, what to do', async t => {
  const gateway = await asking(t, (request, response) => {
    if (request.headers.authorization === 'good') response.writeHead(204, { 'X-User': 'ada', 'set-cookie': ['a=1', 'b=2'], 'x-other': 'no' }).end()
    else response.writeHead(401, { 'www-authenticate': 'Bearer realm="auth"', 'x-user': 'eve', 'set-cookie': 'c=3' }).end('who are you?')
  }, { copy: ['X-User', 'x-groups'], responseHeaders: ['set-cookie'] })
  await assertRefused(t, gateway, 401, { authorization: 'bad' }, headers => {
    t.match(headers, { 'www-authenticate': 'Bearer realm="auth"', 'set-cookie': /c=3/ })
    t.equal(headers['x-user'], undefined)
  })
  const { body } = await gateway.request('/api/x')
  t.equal(await body.text(), 'who are you?')
  await assertPassed(t, gateway, { authorization: 'good', 'x-user': 'eve', x_user: 'eve', 'x-groups': 'root', X_Groups: 'root', connection: 'x-user' }, headers => {
    t.same(headers['set-cookie'], ['a=1', 'b=2'])
  })
  t.equal(gateway.last()['x-user'], 'ada')
  t.same(Object.keys(gateway.last()).filter(name => /groups|_|other/.test(name)), [])
})

t.test('forward auth keeps what it says from a client that names it in Connection, even with the same value', async t => {
  const gateway = await asking(t, (_request, response) => { response.writeHead(200, { 'x-user': 'ada' }).end('fine') }, { copy: ['x-user'] })
  const client = await rawClient(t, gateway.port)
  await client.send('GET /api/x HTTP/1.1\r\nHost: g.test\r\nX-User: ada\r\nConnection: close, X-User\r\n\r\n')
  t.equal((await client.response())?.status, 200)
  t.equal(gateway.last()['x-user'], 'ada')
})

t.test('the service is told what the request is, and of its fields only those that are named', async t => {
  const gateway = await asking(t, (_request, response) => { response.end() }, { requestHeaders: ['Authorization', 'x-key'], method: 'HEAD' })
  const { body } = await gateway.request('/api/a%2Fb?c=d', {
    method: 'POST', body: 'hello', headers: { authorization: 'good', 'x-key': 'k', cookie: 'a=1', 'x-forwarded-for': '6.6.6.6', 'x-forwarded-uri': '/else' }
  })
  await body.dump()
  const [request] = gateway.asked
  t.equal(request?.method, 'HEAD')
  t.equal(request?.url, '/verify?for=gateway')
  t.match(request?.headers, {
    authorization: 'good', 'x-key': 'k', 'x-forwarded-method': 'POST', 'x-forwarded-proto': 'http', 'x-forwarded-uri': '/api/a%2Fb?c=d', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': `127.0.0.1:${gateway.port}`, 'x-forwarded-port': String(gateway.port)
  })
  for (const name of ['cookie', 'content-length', 'transfer-encoding']) t.equal(request?.headers[name], undefined)
})

t.test('a redirect to a login is the client\'s', async t => {
  const gateway = await asking(t, (_request, response) => { response.writeHead(302, { location: 'https://login.test/?back=1' }).end() })
  await assertRefused(t, gateway, 302, {}, headers => { t.match(headers, { location: 'https://login.test/?back=1' }) })
})

for (const [what, listener, options, targets] of [
  ['can not be reached', () => {}, {}, [REFUSING]],
  ['answers 500', (_request, response) => { response.writeHead(500).end('stack trace') }, {}],
  ['does not answer in time', () => {}, { timeout: 200 }],
  ['answers without an end', (_request, response) => { response.writeHead(401).write('x'.repeat(5000)) }, { maxBytes: 4000 }]
] as ReadonlyArray<[string, RequestListener, Partial<ForwardAuthOptions>, string[]?]>) {
  t.test(`a service that ${what} lets nobody pass, unless it is to`, async t => {
    const gateway = await asking(t, listener, options, targets)
    await assertRefused(t, gateway, 503, { 'x-user': 'eve' }, headers => { t.equal(headers['retry-after'], '1') })
    const { body } = await gateway.request('/api/x')
    t.match(await body.json(), { code: 'FST_BALANCER_AUTH_UNAVAILABLE' })
    const open = await asking(t, listener, { ...options, onError: 'allow', copy: ['x-user'] }, targets)
    await assertPassed(t, open, { 'x-user': 'eve' })
    t.equal(open.last()['x-user'], undefined)
  })
}

t.test('a client that leaves meanwhile is not asked about any longer, and nothing goes upstream', async t => {
  let left = 0
  const gateway = await asking(t, request => { request.socket.on('close', () => { left++ }) }, {}, undefined)
  for (const bytes of ['GET /api/x HTTP/1.1\r\nHost: g.test\r\n\r\n', handshake('/api/ws')]) {
    const [asked, before] = [gateway.asked.length, left]
    const client = await rawClient(t, gateway.port)
    await client.send(bytes)
    await until(() => gateway.asked.length > asked)
    client.destroy()
    await until(() => left > before)
  }
  await until(() => gateway.app.upstreams['auth']?.load.inFlight === 0)
  t.match(gateway.app.upstreams['auth']?.targets[1], { counters: { aborted: 2, faults: 0 } })
  gateway.untouched('left')
})

t.test('a pool that does not exist lets nobody pass', async t => {
  const gateway = await guarded(t, app => { app.addHook('onRequest', forwardAuth({ pool: 'nobody', path: '/' })) })
  await assertRefused(t, gateway, 503, {})
})

t.test('options of the hooks are checked when they are made', async t => {
  const options = { pool: 'auth', path: '/' }
  for (const [bad, message] of [
    [{ ...options, path: 'verify' }, /^forwardAuth\.path: 'verify'/],
    [{ path: '/' }, /^forwardAuth\.pool: missing/],
    [{ ...options, copy: ['x-ok', 'X-Forwarded-For'] }, /^forwardAuth\.copy\[1\]: 'X-Forwarded-For', must be a header field that is not the gateway's own/],
    [{ ...options, requestHeaders: ['no field'] }, /^forwardAuth\.requestHeaders\[0\]/],
    [{ ...options, onError: 'open' }, /^forwardAuth\.onError: 'open', must be one of 'deny', 'allow'/],
    [{ ...options, cache: 1 }, /^forwardAuth\.cache: unknown option/]
  ] as const) t.throws(() => forwardAuth(bad as never), { code: 'FST_BALANCER_BAD_OPTION', message })
  t.throws(() => identity({}), { message: /^identity/ })
  t.throws(() => identity({ host: () => 'a' }), { message: /^identity\.host: the name must be a header field/ })
  t.throws(() => identity({ 'x-user': 'ada' as never }), { message: /^identity\.x-user: 'ada', must be a function/ })
})

t.test('an identity that can not be written lets nobody pass, and one of several words is sent as it is', async t => {
  let value: unknown = 'ada\r\nx-admin: yes'
  const gateway = await guarded(t, app => { app.addHook('onRequest', identity({ 'x-user': () => value as string })) })
  await assertRefused(t, gateway, 500, { 'x-user': 'eve' })
  value = { name: 'ada' }
  await assertRefused(t, gateway, 500, {})
  value = 'Ada Lovelace'
  await assertPassed(t, gateway, { 'x.user': 'eve', 'X-User': 'eve' })
  t.equal(gateway.last()['x-user'], 'Ada Lovelace')
  t.equal(gateway.last()['x.user'], undefined)
  value = 42
  await assertPassed(t, gateway, {})
  t.equal(gateway.last()['x-user'], '42')
})
