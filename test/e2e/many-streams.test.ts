import compress from '@fastify/compress'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t from 'tap'
import { gateway, until, upstream } from '../kit/index.js'

t.test('three hundred open event streams hold up no other request, and are in flight until they end', async t => {
  const open = new Set<ServerResponse>()
  const source = await upstream(t, (request: IncomingMessage, response) => {
    if (request.url !== '/events') {
      response.end('hi')
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    open.add(response)
    response.on('close', () => { open.delete(response) })
  })
  const { app, request } = await gateway(t, { name: 'pool', targets: [source.url] }, { logger: false })
  const streams = await Promise.all(Array.from({ length: 300 }, async () => await request('/events')))
  t.equal(open.size, 300)
  t.equal(app.upstreams['pool']?.targets[0]?.inFlight, 300)
  for (let i = 0; i < 5; i++) t.equal(await (await request('/')).body.text(), 'hi')
  // They end from either side.
  for (const { body } of streams.slice(0, 150)) body.on('error', () => {}).destroy()
  for (const { body } of streams.slice(150)) body.resume()
  await until(() => open.size === 150 && app.upstreams['pool']?.targets[0]?.inFlight === 150)
  for (const response of open) response.end()
  await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
  t.match(app.upstreams['pool']?.targets[0]?.counters, { attempts: 305, answered: 155, aborted: 150, faults: 0 })
})

t.test('what an answer says of buffering and transforming is passed on as it is', async t => {
  const source = await upstream(t, (request, response) => {
    const [type = ''] = [request.headers.accept]
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
    response.end('data: 1\n\n')
  })
  for (const before of [undefined, async (app: { register: (plugin: typeof compress, options: object) => unknown }) => { await app.register(compress, { threshold: 0 }) }]) {
    const { request } = await gateway(t, { targets: [source.url] }, before === undefined ? {} : { before: before as never })
    for (const accept of ['text/event-stream', 'text/plain']) {
      const { headers, body } = await request('/', { headers: { accept, 'accept-encoding': 'identity' } })
      t.match(headers, { 'content-type': accept, 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
      t.equal(await body.text(), 'data: 1\n\n')
    }
  }
})

t.test('a single target that answers 503, with a body of any size, is asked once and holds nothing up', async t => {
  const retryAfter = ['1', '120', 'Wed, 21 Oct 2037 07:28:00 GMT']
  const busy = await upstream(t, (request, response) => {
    response.writeHead(503, { 'retry-after': retryAfter[Number(request.url?.slice(1)) % 3] })
    response.end(Buffer.alloc(Number(request.headers['x-bytes']), 'b'))
  })
  const { request } = await gateway(t, { targets: [busy.url] }, { logger: false })
  let asked = 0
  const begun = performance.now()
  for (const bytes of [0, 16_384, 16_385, 300_000]) {
    await Promise.all(Array.from({ length: 6 }, async (_, i) => {
      const { statusCode, headers, body } = await request(`/${i}`, { headers: { 'x-bytes': String(bytes) } })
      t.same([statusCode, headers['retry-after'], (await body.arrayBuffer()).byteLength], [503, retryAfter[i % 3], bytes])
    }))
    asked += 6
    t.equal(busy.hits(), asked)
  }
  t.ok(performance.now() - begun < 10_000)
})
