import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { gateway, named, rawUpstream, until, upstream, type Gateway } from '../kit/index.js'

async function sending ({ port }: Gateway, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(bytes)
  return socket
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

function quiet ({ app }: Gateway): boolean {
  return app.upstreams['pool']?.targets.every(target => target.inFlight === 0) === true
}

t.test('200 clients that leave before an answer close 200 requests upstream and start no other', async t => {
  let closed = 0
  const hanging = await upstream(t, (request, response) => {
    request.resume()
    response.once('close', () => { closed++ })
  })
  const other = await named(t, 'other')
  const gate = await gateway(t, { name: 'pool', policy: 'first', targets: [hanging.url, other.url] })
  const clients = await Promise.all(Array.from({ length: 200 }, async () => await sending(gate, GET)))
  await until(() => hanging.hits() === 200)
  t.equal(gate.app.upstreams['pool']?.targets[0]?.inFlight, 200)

  for (const [i, client] of clients.entries()) {
    if (i % 2 === 0) client.destroy()
    else client.resetAndDestroy()
  }
  await until(() => closed === 200 && quiet(gate))

  t.equal(hanging.hits(), 200)
  t.equal(other.hits(), 0)
  t.match(gate.app.upstreams['pool']?.targets[0], { counters: { attempts: 200, aborted: 200, faults: 0 } })
  const left = (): number => gate.log.filter(({ status, level }) => status === 499 && level === 30).length
  await until(() => left() >= 200)
  t.equal(left(), 200, 'each is logged as 499')
  t.equal(gate.log.filter(({ level }) => level > 30).length, 0, 'none is logged as a problem')
})

t.test('a client that leaves while a connection is being made leaves nothing behind', async t => {
  let connections = 0
  const hole = (await rawUpstream(t, () => { connections++ })).replace('http', 'https')
  const other = await named(t, 'other')
  const gate = await gateway(t, { name: 'pool', policy: 'first', targets: [hole, other.url], timeouts: { connect: 300 } })
  const client = await sending(gate, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello')
  await until(() => connections === 1)
  client.destroy()
  await until(() => gate.app.upstreams['pool']?.targets[0]?.counters.aborted === 1)
  t.ok(quiet(gate), 'it does not wait for the connect timeout')

  // A request that runs into that timeout, started after the first one did, tells that it has passed.
  t.equal((await gate.request('/')).statusCode, 200)
  t.match(gate.app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { attempts: 2, aborted: 1, unsent: 1, faults: 1 } })
  t.equal(other.hits(), 1)
})

t.test('a client that leaves in the middle of its upload ends the upload', async t => {
  const requests: IncomingMessage[] = []
  const target = await upstream(t, request => {
    request.on('error', () => {})
    request.resume()
    requests.push(request)
  })
  const other = await named(t, 'other')
  const gate = await gateway(t, { name: 'pool', policy: 'first', targets: [target.url, other.url] })
  for (const method of ['PUT', 'POST']) {
    const before = requests.length
    const client = await sending(gate, `${method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhello`)
    await until(() => requests.length > before)
    client.destroy()
    await until(() => requests.at(-1)?.closed === true && quiet(gate))
    t.equal(requests.at(-1)?.complete, false, 'the target can tell that this was not all')
  }
  t.match(gate.app.upstreams['pool']?.targets[0], { counters: { attempts: 2, aborted: 2, faults: 0 } })
  t.equal(other.hits(), 0)
})

for (const [what, start] of Object.entries({
  'unknown length': (response: ServerResponse) => { response.write('first') },
  'a megabyte': (response: ServerResponse) => {
    response.setHeader('content-length', 2 ** 20)
    response.write('first')
  },
  'a few bytes': (response: ServerResponse) => {
    response.setHeader('content-length', 10)
    response.write('first')
  }
})) {
  t.test(`a client that leaves in the middle of an answer of ${what} ends the answer`, async t => {
    let response: ServerResponse | undefined
    const target = await upstream(t, (_request, outgoing) => {
      response = outgoing
      start(outgoing)
    })
    const gate = await gateway(t, { name: 'pool', targets: [target.url] })
    const client = await sending(gate, GET)
    if (what === 'a few bytes') await until(() => response !== undefined)
    else await once(client, 'data')
    client.destroy()
    await until(() => response?.closed === true && quiet(gate))
    t.equal(response?.writableFinished, false)
    t.match(gate.app.upstreams['pool']?.targets[0], { counters: { attempts: 1, aborted: 1, faults: 0 } })
  })
}

t.test('a client that leaves while a hook is busy costs no target a request', async t => {
  const target = await named(t, 'a')
  let entered = false
  const gate = await gateway(t, {
    name: 'pool',
    targets: [target.url],
    preHandler: async ({ raw }) => {
      entered = true
      await once(raw.socket, 'close')
    }
  })
  const client = await sending(gate, GET)
  await until(() => entered)
  client.destroy()
  await until(() => gate.log.some(({ status }) => status === 499))
  t.equal(target.hits(), 0)
  t.match(gate.app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { attempts: 0 } })
})
