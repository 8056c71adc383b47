import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import { Client } from 'undici'
import balancer, { type RouteOptions } from '../../lib/index.js'
import { gateway, logged, named, type Echo } from '../kit/index.js'

/** The headers that the target gets for these of the client. */
async function sent (
  t: Test, headers: Record<string, string | string[]>, fastifyOptions: FastifyServerOptions = {}, route: Partial<RouteOptions> = {}
): Promise<Record<string, string>> {
  const { url } = await named(t, 'a')
  const { request } = await gateway(t, { targets: [url], ...route }, fastifyOptions)
  return (await (await request('/', { headers })).body.json() as Echo).headers
}

const spoofed = { 'x-forwarded-for': '6.6.6.6, 7.7.7.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.test', 'x-forwarded-port': '666', host: 'shop.test' }

t.test('what an untrusted client says of itself is replaced by what the gateway knows', async t => {
  t.match(await sent(t, spoofed), { 'x-forwarded-for': /^127\.0\.0\.1$/, 'x-forwarded-proto': 'http', 'x-forwarded-host': 'shop.test', 'x-forwarded-port': '80' })
  t.match(await sent(t, { host: 'shop.test:8080' }), { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'shop.test:8080', 'x-forwarded-port': '8080' })
})

t.test('what a trusted proxy says is kept and added to', async t => {
  t.match(await sent(t, spoofed, { trustProxy: true }), {
    'x-forwarded-for': '6.6.6.6, 7.7.7.7, 127.0.0.1', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.test', 'x-forwarded-port': '666'
  })
  t.match(await sent(t, spoofed, { trustProxy: '127.0.0.0/8' }), { 'x-forwarded-for': '6.6.6.6, 7.7.7.7, 127.0.0.1' })
  t.match(await sent(t, { host: 'shop.test' }, { trustProxy: true }), { 'x-forwarded-for': /^127\.0\.0\.1$/, 'x-forwarded-proto': 'http', 'x-forwarded-host': 'shop.test' })
})

t.test('a peer that is not among the trusted ones is not believed', async t => {
  t.match(await sent(t, spoofed, { trustProxy: '10.0.0.0/8' }), { 'x-forwarded-for': /^127\.0\.0\.1$/, 'x-forwarded-proto': 'http', 'x-forwarded-host': 'shop.test' })
})

t.test('an IPv4 peer on an IPv6 socket is written as IPv4', async t => {
  const { url } = await named(t, 'a')
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, { targets: [url] })
  for (const [remoteAddress, written] of [['::ffff:1.2.3.4', '1.2.3.4'], ['2001:db8::1', '2001:db8::1']] as const) {
    const { headers } = (await app.inject({ url: '/', remoteAddress })).json<Echo>()
    t.equal(headers['x-forwarded-for'], written)
  }
})

t.test('a client on a Unix socket has no address, and is served', async t => {
  const { url } = await named(t, 'a')
  const directory = await mkdtemp(join(tmpdir(), 'forwarded-'))
  t.teardown(async () => { await rm(directory, { recursive: true }) })
  const path = join(directory, 'gateway.sock')
  for (const trustProxy of [false, true]) {
    const { app } = logged({ trustProxy })
    await app.register(balancer, { targets: [url] })
    await app.listen({ path })
    const client = new Client('http://shop.test', { socketPath: path })
    const { statusCode, body } = await client.request({ method: 'GET', path: '/', headers: { 'x-forwarded-for': '6.6.6.6' } })
    const { headers } = await body.json() as Echo
    t.equal(statusCode, 200)
    t.equal(headers['x-forwarded-host'], 'shop.test')
    if (!trustProxy) t.notOk('x-forwarded-for' in headers)
    await client.destroy()
    await app.close()
  }
})

t.test('Via is appended to, under the name of the gateway, with the version of the client', async t => {
  t.equal((await sent(t, {}))['via'], '1.1 fastify-balancer')
  t.equal((await sent(t, { via: '1.0 edge, 2 cdn' }))['via'], '1.0 edge, 2 cdn, 1.1 fastify-balancer')
  t.equal((await sent(t, {}, {}, { via: 'shop' }))['via'], '1.1 shop')
  t.equal((await sent(t, { via: '1.0 edge' }, {}, { via: false }))['via'], '1.0 edge')
  t.notOk('via' in await sent(t, {}, {}, { via: false }))

  const { url } = await named(t, 'a')
  const { port } = await gateway(t, { targets: [url] })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.0\r\n\r\n')
  const answer = await text(socket)
  t.match(answer, /^HTTP\/1\.1 200/)
  t.match((JSON.parse(answer.split('\r\n\r\n')[1] ?? '') as Echo).headers['via'], '1.0 fastify-balancer')
})

t.test('a client can not have what the gateway adds dropped by naming it in Connection', async t => {
  const { url } = await named(t, 'a')
  const { url: origin } = await gateway(t, {
    targets: [url], replyOptions: { rewriteRequestHeaders: (_request, headers) => ({ ...headers, 'x-added': 'by gateway' }) }
  })
  // undici would not send such a Connection.
  const [response] = await once(get(origin, {
    headers: { connection: 'close, x-forwarded-for, x-forwarded-host, via, host, x-added, x-own', 'x-own': 'hop', 'x-kept': '1' }
  }), 'response') as [IncomingMessage]
  const { headers } = JSON.parse(await text(response)) as Echo
  t.match(headers, { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': /^127\.0\.0\.1:\d+$/, via: '1.1 fastify-balancer', host: /^127\.0\.0\.1:\d+$/, 'x-added': 'by gateway', 'x-kept': '1' })
  t.notOk('x-own' in headers)
})

t.test('other fields of the client go on as they are', async t => {
  const fields = { cookie: 'a=1; b=2', authorization: 'Bearer x', 'accept-encoding': 'br', 'user-agent': 'u', 'x-multi': ['1', '2'], 'idempotency-key': 'k', te: 'trailers', 'x-empty': '' }
  const headers = await sent(t, fields)
  t.match(headers, { ...fields, 'x-multi': '1, 2' })
})
