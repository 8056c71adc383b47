import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { gateway, rawUpstream, until, type Gateway } from '../kit/index.js'
import { changes, health, members, moody, statuses, type Moody } from './breaker-kit.js'

async function sending ({ port }: Gateway, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(bytes)
  return socket
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

for (const [what, request, mood] of [
  ['before an answer', GET, () => {}],
  ['in the middle of an answer', GET, response => { response.write('first') }],
  ['in the middle of an upload', 'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhello', () => {}]
] as ReadonlyArray<readonly [string, string, Moody['mood']]>) {
  t.test(`a hundred clients that leave ${what} are nobody's fault`, async t => {
    const target = await moody(t, mood)
    const spare = await moody(t)
    const gate = await gateway(t, { name: 'pool', policy: 'first', targets: [target.url, spare.url], breaker: { consecutive: 1, failureRate: 0.01, minimumRequests: 1 } })
    const clients = await Promise.all(Array.from({ length: 100 }, async () => await sending(gate, request)))
    await until(() => target.hits() === 100, 20_000)
    if (what === 'in the middle of an answer') await Promise.all(clients.map(async client => { if (client.bytesRead === 0) await once(client, 'data') }))
    for (const [i, client] of clients.entries()) {
      if (i % 2 === 0) client.destroy()
      else client.resetAndDestroy()
    }
    await until(() => members(gate).every(({ inFlight }) => inFlight === 0), 20_000)
    t.match(members(gate)[0], { health: 'up', counters: { aborted: 100, faults: 0 } })
    t.equal(spare.hits(), 0, 'nothing is repeated')
    t.same(changes(gate.log), [])
  })
}

t.test('connections that a server closes while they are idle are nobody\'s fault', async t => {
  // Closes each connection when the second request comes on it, as one does whose keep-alive is over.
  const url = await rawUpstream(t, socket => {
    let requests = 0
    socket.on('data', () => {
      if (++requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else socket.resetAndDestroy()
    })
  })
  const other = await moody(t)
  const gate = await gateway(t, { name: 'pool', targets: [url, other.url], breaker: { consecutive: 1, failureRate: 0.01, minimumRequests: 1 } })
  t.same([...new Set(await statuses(gate, 40))], [200])
  t.same(health(gate), ['up', 'up'])
  t.match(members(gate)[0]?.counters, { faults: 0 })
  t.ok((members(gate)[0]?.counters.failed ?? 0) > 3, 'it did close them')
})
