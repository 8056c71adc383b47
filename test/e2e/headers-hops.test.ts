import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Client } from 'undici'
import balancer from '../../lib/index.js'
import { gateway, logged, named, type Echo } from '../kit/index.js'
import { values } from '../kit/raw.js'
import { through } from '../kit/through.js'
import { refuses, route } from '../options/refusal.js'

const asking = (...fields: readonly string[]): string[] => ['GET / HTTP/1.1', 'Host: shop.test', ...fields]

t.test('Forwarded is sent only when asked for, and one of an untrusted client never', async t => {
  const told = await through(t, { forwarded: true })
  t.same(values((await told(asking())).got?.fields ?? [], 'forwarded'), ['for=127.0.0.1;host=shop.test;proto=http'])
  t.same(values((await told(asking('Forwarded: for=6.6.6.6', 'forwarded: for=7.7.7.7'))).got?.fields ?? [], 'forwarded'), ['for=127.0.0.1;host=shop.test;proto=http'])
  t.same(values((await told(['GET / HTTP/1.1', 'Host: shop.test:8080'])).got?.fields ?? [], 'forwarded'), ['for=127.0.0.1;host="shop.test:8080";proto=http'])
  t.same(values((await told(['GET / HTTP/1.0'])).got?.fields ?? [], 'forwarded'), ['for=127.0.0.1;proto=http'])
  const silent = await through(t)
  const { got } = await silent(asking('Forwarded: for=6.6.6.6', 'X-Kept: 1'))
  t.same([values(got?.fields ?? [], 'forwarded'), values(got?.fields ?? [], 'x-kept')], [[], ['1']])
})

t.test('what a trusted peer says in Forwarded is kept and added to', async t => {
  const trusting = { trustProxy: '127.0.0.1' }
  const told = await through(t, { forwarded: true }, trusting)
  const own = 'for=127.0.0.1;host=shop.test;proto=http'
  for (const [said, sent] of [
    [['Forwarded: for=1.2.3.4;proto=https'], `for=1.2.3.4;proto=https, ${own}`],
    [['Forwarded: for="[2001:db8::1]:80"', 'Forwarded: for=_hidden;by="a\\"b"'], `for="[2001:db8::1]:80", for=_hidden;by="a\\"b", ${own}`],
    [['Forwarded:'], own],
    [[], own],
    // What is left open would swallow the gateway's own.
    [['Forwarded: for="1.2.3.4'], own],
    [['Forwarded: for="1.2.3.4\\"'], own]
  ] as const) t.same(values((await told(asking(...said))).got?.fields ?? [], 'forwarded'), [sent], said.join())
  const { got } = await told(asking('X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Host: "odd"\\host', 'X-Forwarded-Proto: https', 'X-Forwarded-Port: 8443', 'Forwarded: for=1.2.3.4'))
  t.same(values(got?.fields ?? [], 'forwarded'), ['for=1.2.3.4, for=127.0.0.1;host="\\"odd\\"\\\\host";proto=https'])

  const silent = await through(t, {}, trusting)
  t.same(values((await silent(asking('Forwarded: for=1.2.3.4'))).got?.fields ?? [], 'forwarded'), ['for=1.2.3.4'])
  const distrusting = await through(t, {}, { trustProxy: '10.0.0.0/8' })
  t.same(values((await distrusting(asking('Forwarded: for=1.2.3.4', 'X-Forwarded-Port: 1'))).got?.fields ?? [], 'forwarded'), [])
})

t.test('a port of a trusted peer needs no list of addresses beside it', async t => {
  const told = await through(t, {}, { trustProxy: '127.0.0.1' })
  const { got } = await told(asking('X-Forwarded-Port: 8443', 'X-Forwarded-For:'))
  t.same([values(got?.fields ?? [], 'x-forwarded-port'), values(got?.fields ?? [], 'x-forwarded-for')], [['8443'], ['127.0.0.1']])
})

t.test('Forwarded that a hook has written is the app\'s own', async t => {
  const told = await through(t, {}, { before: app => { app.addHook('onRequest', async request => { request.headers.forwarded = 'for=_app' }) } })
  t.same(values((await told(asking('Forwarded: for=6.6.6.6', 'Connection: close, forwarded'))).got?.fields ?? [], 'forwarded'), ['for=_app'])
})

t.test('an IPv6 client is quoted, and one on a Unix socket unknown', async t => {
  const { url } = await named(t, 'a')
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, { targets: [url], forwarded: true })
  const { headers } = (await app.inject({ url: '/', remoteAddress: '2001:db8::1', headers: { host: 'shop.test' } })).json<Echo>()
  t.equal(headers['forwarded'], 'for="[2001:db8::1]";host=shop.test;proto=http')

  const directory = await mkdtemp(join(tmpdir(), 'hops-'))
  t.teardown(async () => { await rm(directory, { recursive: true }) })
  const path = join(directory, 'gateway.sock')
  await app.listen({ path })
  const client = new Client('http://shop.test', { socketPath: path })
  t.teardown(async () => { await client.destroy() })
  const { body } = await client.request({ method: 'GET', path: '/' })
  t.equal((await body.json() as Echo).headers['forwarded'], 'for=unknown;host=shop.test;proto=http')
})

t.test('what rewriteRequestHeaders says of Forwarded is sent', async t => {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, {
    targets: [url], forwarded: true, replyOptions: { rewriteRequestHeaders: (_request, headers) => ({ ...headers, forwarded: `${headers.forwarded};by=_gate` }) }
  })
  const { headers } = await (await request('/', { headers: { host: 'shop.test' } })).body.json() as Echo
  t.equal(headers['forwarded'], 'for=127.0.0.1;host=shop.test;proto=http;by=_gate')
})

t.test('the options must be what they are meant to be', async t => {
  for (const option of ['forwarded', 'internalRewriteCookiePath']) await refuses(t, route({ [option]: 'yes' }), `routes[0].${option}: 'yes', must be true or false`)
  await refuses(t, route({ underscores: true }), "routes[0].underscores: true, must be one of 'forward', 'drop', 'reject'")
})
