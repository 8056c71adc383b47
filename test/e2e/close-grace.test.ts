import t from 'tap'
import { gateway, until, upstream } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'

const IDLE = { forceCloseConnections: 'idle' } as never

t.test('what is in flight when the app closes ends as usual, and asks its client to close the connection', async t => {
  const pending: Array<() => void> = []
  const slow = await upstream(t, (_request, response) => { pending.push(() => { response.end('late') }) })
  const { app, port } = await gateway(t, { targets: [slow.url] }, IDLE)
  const client = await rawClient(t, port)
  await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => pending.length === 1)
  const closing = app.close()
  await until(() => !app.server.listening)
  pending[0]?.()
  const response = await client.response()
  t.match(response, { status: 200, body: 'late', complete: true })
  t.match(new Map(response?.fields.map(([name, value]) => [name.toLowerCase(), value])).get('connection'), 'close')
  await client.ended()
  await closing
})

t.test('at the end of the grace events end well, what waits gets a 503, and the rest is cut off', async t => {
  const target = await upstream(t, (request, response) => {
    if (request.url === '/events') response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    if (request.url === '/half') response.write('half')
  })
  const { app, port } = await gateway(t, { targets: [target.url], timeouts: { grace: 400 } }, IDLE)
  const clients = await Promise.all(['/events', '/half', '/silent'].map(async path => {
    const client = await rawClient(t, port)
    await client.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    return client
  }))
  await until(() => target.hits() === 3 && clients.slice(0, 2).every(({ received }) => received.includes('\r\n\r\n')))
  const begun = performance.now()
  await app.close()
  t.ok(performance.now() - begun > 390, 'not before')
  t.ok(performance.now() - begun < 5000, `${performance.now() - begun} ms`)
  const [events, half, silent] = await Promise.all(clients.map(async client => await client.response()))
  t.match(events, { status: 200, body: 'data: 1\n\n', complete: true, framing: 'chunked' })
  t.match(half, { status: 200, complete: false })
  t.match(silent, { status: 503 })
  t.match(silent?.body, 'FST_BALANCER_POOL_CLOSED')
  t.match(new Map(silent?.fields.map(([name, value]) => [name.toLowerCase(), value])).get('retry-after'), /^\d+$/)
})

t.test('a stream that ends while the app closes does not have it wait for a client that keeps its connection', async t => {
  let end: (() => void) | undefined
  const target = await upstream(t, (_request, response) => {
    response.write('half')
    end = () => { response.end() }
  })
  const { app, port } = await gateway(t, { targets: [target.url], timeouts: { grace: 400 } }, IDLE)
  const client = await rawClient(t, port)
  await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => client.received.includes('half'))
  const begun = performance.now()
  const closed = app.close()
  await until(() => !app.server.listening)
  end?.()
  t.match(await client.response(), { status: 200, body: 'half', complete: true })
  await closed
  t.ok(performance.now() - begun < 5000, `${performance.now() - begun} ms`)
})

t.test('remove ends the events of its target well once the grace is over, and then resolves', async t => {
  const target = await upstream(t, (_request, response) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n') })
  const { app, port } = await gateway(t, { name: 'pool', targets: [target.url], timeouts: { grace: 300 } })
  const client = await rawClient(t, port)
  await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => client.received.includes('data: 1'))
  const begun = performance.now()
  await app.upstreams['pool']?.remove(target.url)
  t.ok(performance.now() - begun > 290)
  t.match(await client.response(), { status: 200, body: 'data: 1\n\n', complete: true, framing: 'chunked' })
})
