import http2, { type ClientHttp2Session } from 'node:http2'
import { once } from 'node:events'
import Fastify from 'fastify'
import t from 'tap'
import balancer, { type BalancerOptions } from '../../lib/index.js'
import { ALSO_REFUSING, gateway, named, REFUSING, type Echo } from '../kit/index.js'

t.test('every target gets its own host, with its port', async t => {
  const a = await named(t, 'a')
  const b = await named(t, 'b')
  const { request } = await gateway(t, { targets: [a.url, `http://localhost:${b.port}/base`] })
  const hosts = new Set<string>()
  for (let i = 0; i < 4; i++) {
    const { name, headers } = await (await request('/', { headers: { host: 'shop.test' } })).body.json() as Echo
    hosts.add(`${name} ${headers['host']}`)
    t.equal(headers['x-forwarded-host'], 'shop.test')
  }
  t.same([...hosts].sort(), [`a 127.0.0.1:${a.port}`, `b localhost:${b.port}`])
})

t.test('a target that is tried after others gets its own host, not theirs', async t => {
  const { url, port } = await named(t, 'a')
  const { request } = await gateway(t, { targets: [REFUSING, ALSO_REFUSING, url], policy: 'first' })
  for (const method of ['GET', 'POST'] as const) {
    const { headers } = await (await request('/', { method })).body.json() as Echo
    t.equal(headers['host'], `127.0.0.1:${port}`)
  }
})

t.test("preserveHost sends the client's host to every target", async t => {
  const { url } = await named(t, 'a')
  const { request, port } = await gateway(t, { targets: [REFUSING, url], policy: 'first', preserveHost: true })
  const named1 = await (await request('/', { headers: { host: 'shop.test:8080' } })).body.json() as Echo
  t.match(named1.headers, { host: 'shop.test:8080', 'x-forwarded-host': 'shop.test:8080', 'x-forwarded-port': '8080' })
  const plain = await (await request('/')).body.json() as Echo
  t.equal(plain.headers['host'], `127.0.0.1:${port}`)
})

t.test("preserveHost goes by a trusted proxy's X-Forwarded-Host", async t => {
  const { url } = await named(t, 'a')
  for (const [trustProxy, host] of [[true, 'public.test'], [false, 'inner.test']] as const) {
    const { request } = await gateway(t, { targets: [url], preserveHost: true }, { trustProxy })
    const { headers } = await (await request('/', { headers: { host: 'inner.test', 'x-forwarded-host': 'public.test' } })).body.json() as Echo
    t.match(headers, { host, 'x-forwarded-host': host })
  }
})

t.test('there is one host field, whatever the client or a hook has put there', async t => {
  const { url, port } = await named(t, 'a')
  const { request } = await gateway(t, { targets: [url], onRequest: async request => { request.headers.host = 'hook.test' } })
  const { headers } = await (await request('/')).body.json() as Echo
  t.equal(headers['host'], `127.0.0.1:${port}`)
})

async function ask (session: ClientHttp2Session, fields: http2.OutgoingHttpHeaders): Promise<Echo> {
  const stream = session.request(fields)
  let text = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => { text += chunk })
  await once(stream, 'end')
  return JSON.parse(text) as Echo
}

t.test('an HTTP/2 client has its authority for a host', async t => {
  const { url, port } = await named(t, 'a')
  for (const preserveHost of [false, true]) {
    const app = Fastify({ http2: true })
    await app.register(balancer, { targets: [url], preserveHost } as BalancerOptions)
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    const session = http2.connect(origin)
    t.teardown(async () => {
      session.destroy()
      await app.close()
    })
    const { url: path, headers } = await ask(session, { ':path': '/x?y', ':authority': 'shop.test:8443', 'x-keep': '1' })
    t.equal(path, '/x?y')
    t.match(headers, {
      host: preserveHost ? 'shop.test:8443' : `127.0.0.1:${port}`,
      via: '2.0 fastify-balancer',
      'x-forwarded-host': 'shop.test:8443',
      'x-forwarded-port': '8443',
      'x-keep': '1'
    })
    t.same(Object.keys(headers).filter(name => name.startsWith(':')), [])
  }
})
