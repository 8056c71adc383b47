import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { gateway, named, type Echo } from '../kit/index.js'
import type { RawRequest } from '../kit/raw.js'
import { through } from '../kit/through.js'

const asking = (...fields: readonly string[]): string[] => ['GET / HTTP/1.1', 'Host: shop.test', ...fields]

/** The fields that CGI would take for these names, as `name: value`. */
function alike (got: RawRequest | undefined, ...names: readonly string[]): string[] {
  const wanted = names.map(name => name.replaceAll('_', '-'))
  return (got?.fields ?? []).filter(([name]) => wanted.includes(name.toLowerCase().replaceAll('_', '-'))).map(([name, value]) => `${name.toLowerCase()}: ${value}`)
}

const hooked = (fields: Record<string, string>): { before: (app: FastifyInstance) => unknown } => ({
  before: app => { app.addHook('onRequest', async request => { Object.assign(request.headers, fields) }) }
})

t.test('what is the gateway\'s to say is never said by a client with underscores, whatever the option', async t => {
  for (const underscores of ['forward', 'drop'] as const) {
    for (const via of [false, 'gate'] as const) {
      const send = await through(t, { underscores, via })
      const { got, answer } = await send(asking(
        'X_Forwarded_For: 6.6.6.6', 'X-Forwarded_For: 6.6.6.6', 'x_forwarded-proto: gopher', 'X_FORWARDED_HOST: evil.test', 'X_Forwarded_Port: 1',
        'Transfer_Encoding: chunked', 'Content_Length: 5', 'Keep_Alive: 5', 'Proxy_Authorization: x', 'Proxy_Connection: x', 'HTTP2_Settings: x'
      ))
      t.equal(answer.status, 200)
      t.same(alike(got, 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'), [
        'x-forwarded-for: 127.0.0.1', 'x-forwarded-proto: http', 'x-forwarded-host: shop.test', 'x-forwarded-port: 80'
      ])
      t.same(alike(got, 'transfer-encoding', 'content-length', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'http2-settings'), [])
    }
  }
})

t.test('other fields with underscores are sent, left out or refused', async t => {
  const fields = ['X_Tenant: acme', 'X-Kept: 1', 'a_b: 2', '_: 3']
  const forward = await through(t)
  t.same(alike((await forward(asking(...fields))).got, 'x_tenant', 'x-kept', 'a_b', '_'), ['x_tenant: acme', 'x-kept: 1', 'a_b: 2', '_: 3'])
  const drop = await through(t, { underscores: 'drop' })
  t.same(alike((await drop(asking(...fields))).got, 'x_tenant', 'x-kept', 'a_b', '_'), ['x-kept: 1'])
  const reject = await through(t, { underscores: 'reject' })
  t.match(await reject(asking(...fields)), { got: undefined, answer: { status: 400, body: /"code":"FST_BALANCER_BAD_REQUEST"/ } })
  t.match(await reject(asking('X_Forwarded_For: 6.6.6.6')), { got: undefined, answer: { status: 400 } })
  t.match(await reject(asking('X-Kept: 1')), { got: { method: 'GET' }, answer: { status: 200 } })
})

t.test('a field that a hook has written is not said otherwise by the client', async t => {
  const send = await through(t, {}, hooked({ 'x-user': 'ada', 'x-user-role': 'reader' }))
  const own = ['x-user-role: reader', 'x-user: ada']
  for (const fields of [
    ['X_User: mallory', 'X_User_Role: admin', 'X-User_Role: admin', 'x_user-role: admin'],
    ['X-User: mallory', 'X_User: mallory'],
    // The same value as the hook's does not make the hook's the client's.
    ['X-User: ada', 'X_User: mallory'],
    ['X_User: mallory', 'Connection: close, x-user, x_user_role'],
    ['X_User: mallory', 'X_User: ada']
  ]) t.same(alike((await send(asking(...fields))).got, 'x-user', 'x-user-role').sort(), own, fields.join())

  const underscored = await through(t, { underscores: 'drop' }, hooked({ x_user: 'ada' }))
  t.same(alike((await underscored(asking('X-User: mallory', 'X_User: mallory', 'X_Tenant: acme'))).got, 'x-user', 'x-tenant'), ['x_user: ada'])
  const refusing = await through(t, { underscores: 'reject' }, hooked({ x_user: 'ada' }))
  t.same(alike((await refusing(asking('X_User: mallory'))).got, 'x-user'), ['x_user: ada'], 'what has taken its place is not the client\'s')
})

t.test('a hook may give a field of the client another spelling', async t => {
  const send = await through(t, {}, {
    before: app => { app.addHook('onRequest', async request => { request.headers['x_request_id'] = String(request.headers['x-request-id']) }) }
  })
  t.same(alike((await send(asking('X-Request-Id: 7'))).got, 'x-request-id').sort(), ['x-request-id: 7', 'x_request_id: 7'])
})

t.test('of two spellings of a client the one with dashes is sent', async t => {
  const send = await through(t)
  t.same(alike((await send(asking('X_User: a', 'X-User: b'))).got, 'x-user'), ['x-user: b'])
  t.same(alike((await send(asking('X_User-Id: a', 'X-User_Id: b'))).got, 'x-user-id'), ['x_user-id: a', 'x-user_id: b'])
})

t.test('a field of rewriteRequestHeaders is not said otherwise by the client either', async t => {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, { targets: [url], replyOptions: { rewriteRequestHeaders: (_request, headers) => ({ ...headers, 'X-User': 'ada' }) } })
  const { headers } = await (await request('/', { headers: { X_User: 'mallory', X_Kept: '1' } })).body.json() as Echo
  t.equal(headers['x-user'], 'ada')
  t.notOk('x_user' in headers)
  t.equal(headers['x_kept'], '1')
})

t.test('hundreds of such names do not hold the gateway up', async t => {
  const send = await through(t, {}, { http: { maxHeaderSize: 128 * 1024 } } as object)
  const names = Array.from({ length: 900 }, (_, i) => `x_${i}`)
  const started = performance.now()
  const { answer } = await send(asking(...names.map(name => `${name}: 1`), `Connection: close, ${names.join(',')}`))
  t.equal(answer.status, 200)
  t.ok(performance.now() - started < 5000)
})
