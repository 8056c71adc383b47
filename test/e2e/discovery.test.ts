import t from 'tap'
import { told } from '../discovery/kit.js'
import { gateway, logged, named, until } from '../kit/index.js'
import { identity, pem, tlsUpstream } from '../kit/tls/index.js'
import balancer from '../../lib/index.js'

t.test('an app is ready once discovery has said who is there, and follows it from then on', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const { source, say } = told()
  setTimeout(() => { say([a.url]) }, 50)
  const { app, request } = await gateway(t, { name: 'api', discovery: source, discoveryTimeout: 9000 })
  const name = async (): Promise<unknown> => {
    const { headers, body } = await request('/')
    await body.dump()
    return headers['x-name']
  }
  t.equal(await name(), 'a')
  say([{ url: a.url, draining: true }, b.url])
  await until(() => app.upstreams['api']?.targets.length === 2)
  t.same([await name(), await name()], ['b', 'b'])
})

t.test('an app whose discovery says nothing starts all the same and answers 503, or with the targets that it has', async t => {
  const a = await named(t, 'a')
  const { app, url, request, client } = await gateway(t, {
    pools: { none: { discovery: told().source, discoveryTimeout: 20 }, some: { targets: [a.url], discovery: told().source, discoveryTimeout: 20 } },
    routes: [{ prefix: '/none', pool: 'none' }, { prefix: '/some', pool: 'some' }]
  })
  const none = await request('/none')
  t.equal(none.statusCode, 503)
  t.match(await none.body.json(), { code: 'FST_BALANCER_NO_TARGET' })
  const some = await client.request({ origin: url, path: '/some', method: 'GET' })
  t.equal(some.statusCode, 200)
  await some.body.dump()
  t.equal(app.upstreams['none']?.discovery?.listedAt, undefined)
  t.equal(app.upstreams['some']?.discovery?.failure, undefined)
})

t.test('an app that closes while it waits for discovery does not wait any longer', async t => {
  const { app } = logged()
  const { source, signal } = told()
  await app.register(balancer, { discovery: source, discoveryTimeout: 9000 })
  const ready = app.ready()
  await until(() => signal() !== undefined)
  const began = performance.now()
  app.upstreams['default']?.stop()
  await ready
  await app.close()
  t.ok(performance.now() - began < 8000)
})

t.test('a target that is an address is asked for by its host: Host, SNI, verified certificate, probes', async t => {
  const seen: Array<string | undefined> = []
  const { url, port, handshakes } = await tlsUpstream(t, identity('server'), (request, response) => {
    seen.push(`${request.url} ${request.headers.host}`)
    response.writeHead(request.url === '/base/moved' ? 302 : 200, request.url === '/base/moved' ? { location: `https://localhost:${port}/base/there` } : {})
    response.end()
  })
  const options = { name: 'api', prefix: '/api', retries: 0, tls: { ca: pem('ca') }, health: { path: '/healthz', initial: 'down', fall: 1 } } as const
  const { app, request } = await gateway(t, { ...options, targets: [{ url: `${url}/base`, host: `localhost:${port}` }] })
  await until(() => app.upstreams['api']?.targets[0]?.health === 'up')
  const moved = await request('/api/moved')
  t.equal(moved.headers.location, '/api/there', 'where it says it is, by that name, is a path of the gateway')
  await moved.body.dump()
  await (await request('/api/x')).body.dump()
  t.same(seen.map(line => line?.replace(String(port), 'port')), ['/base/healthz localhost:port', '/base/moved localhost:port', '/base/x localhost:port'])
  t.same([...new Set(handshakes.map(({ servername }) => servername))], ['localhost'])

  const other = await gateway(t, { ...options, targets: [{ url, host: `other.test:${port}` }] })
  await until(() => other.app.upstreams['api']?.targets[0]?.reason !== 'not probed yet')
  t.match(other.app.upstreams['api']?.targets[0]?.reason, /altnames/, 'a certificate for another name will not do, though it has the address')
  const { statusCode, body } = await other.request('/api/x')
  t.equal(statusCode, 502)
  await body.dump()
})

t.test('preserveHost sends the client\'s host to a target that has one, and verifies that of the target', async t => {
  const hosts: Array<string | undefined> = []
  const { url, handshakes } = await tlsUpstream(t, identity('server'), (request, response) => {
    hosts.push(request.headers.host)
    response.end()
  })
  const { request } = await gateway(t, { preserveHost: true, tls: { ca: pem('ca') }, targets: [{ url, host: 'localhost' }] })
  const { statusCode, body } = await request('/', { headers: { host: 'shop.test' } })
  t.equal(statusCode, 200)
  await body.dump()
  t.same([hosts, handshakes.map(({ servername }) => servername)], [['shop.test'], ['localhost']])
})

t.test('a tcp probe, and a try to connect again, go to the address of a target that has a host', async t => {
  const a = await named(t, 'a')
  const { app, request } = await gateway(t, {
    name: 'api', targets: [{ url: a.url, host: 'api.test' }, 'http://127.0.0.1:1'], health: { type: 'tcp', initial: 'down', interval: 50, fall: 1 }, breaker: { consecutive: 1, reconnect: 20 }
  })
  const target = (): unknown => app.upstreams['api']?.targets[0]?.health
  await until(() => target() === 'up')
  const { body } = await request('/')
  t.equal((await body.json() as { headers: { host: string } }).headers.host, 'api.test')
})
