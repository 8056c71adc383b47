import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { gateway, until, upstream } from '../kit/index.js'
import { ok, rawClient, rawServer } from '../kit/raw.js'

t.test('a client that leaves ends the requests as well whose answers wait behind another', async t => {
  const target = await upstream(t, (request, response) => {
    response.on('error', () => {})
    if (request.url === '/long') response.end(Buffer.alloc(10_000_000))
  })
  const { app, port } = await gateway(t, { name: 'pool', targets: [target.url] })
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  // More than there may be listeners of an event without a warning.
  socket.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n' + 'GET /long HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(15))
  await until(() => target.hits() === 16)
  t.equal(app.upstreams['pool']?.targets[0]?.inFlight, 16)
  socket.destroy()
  await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
  t.match(app.upstreams['pool']?.targets[0]?.counters, { attempts: 16, aborted: 16 })
})

for (const [what, asking] of [['an upload', ''], ['an upload that asks first', 'Expect: 100-continue\r\n']] as const) {
  t.test(`the answer to ${what} waits for the one before it, and both are whole`, async t => {
    const first: ServerResponse[] = []
    const target = await upstream(t, (request, response) => {
      if (request.url === '/first') first.push(response)
      else request.resume().once('end', () => { response.end('second') })
    })
    const { app, port } = await gateway(t, { name: 'pool', targets: [target.url] })
    const client = await rawClient(t, port)
    await client.send(`GET /first HTTP/1.1\r\nHost: x\r\n\r\nPOST /second HTTP/1.1\r\nHost: x\r\n${asking}Content-Length: 5\r\n\r\nhe`)
    await until(() => target.hits() === 2)
    await client.send('llo')
    await until(() => app.upstreams['pool']?.targets[0]?.counters.answered === 1)
    first[0]?.end('first')
    t.match([await client.response(), await client.response('POST')], [{ status: 200, body: 'first' }, { status: 200, body: 'second' }])
  })
}

t.test('early hints for a request that waits are not put into its answer', async t => {
  const first: Array<() => void> = []
  const target = await rawServer(t, async connection => {
    const request = await connection.request()
    if (request?.target === '/first') await new Promise<void>(resolve => { first.push(resolve) })
    else await connection.send('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n' + ok('second'))
    if (request?.target === '/first') await connection.send(ok('first'))
  })
  const { app, port } = await gateway(t, { name: 'pool', targets: [target.url] })
  const client = await rawClient(t, port)
  await client.send('GET /first HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => app.upstreams['pool']?.targets[0]?.counters.answered === 1 && first.length === 1)
  first[0]?.()
  t.match([await client.response(), await client.response()], [{ body: 'first' }, { body: 'second' }])
})

t.test('a client whose second request is no HTTP is logged as a client that left, and not as an error', async t => {
  const target = await upstream(t, request => { request.on('error', () => {}).resume() })
  const { app, port, log } = await gateway(t, { name: 'pool', targets: [target.url] })
  const client = await rawClient(t, port)
  await client.send('GET /first HTTP/1.1\r\nHost: x\r\n\r\nPOST /second HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
  await until(() => target.hits() === 2)
  await client.send('no size\r\n')
  await until(() => app.upstreams['pool']?.targets[0]?.inFlight === 0)
  const left = (): number => log.filter(({ level, status }) => level === 30 && status === 499).length
  await until(() => left() >= 2)
  t.equal(left(), 2)
  t.same(log.filter(({ level, err }) => level > 40 || err !== undefined), [])
})
