import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { gateway, until, upstream } from '../kit/index.js'

const MB = 1024 * 1024
const SIZE = 200 * MB
const PIECE = Buffer.alloc(64 * 1024, 'd')

/** Resolves once `value` has stood still for a while. */
async function standstill (value: () => number): Promise<void> {
  for (let before = -1; before !== value();) {
    before = value()
    await new Promise(resolve => { setTimeout(resolve, 500) })
  }
}

/** Writes as much as it is let. */
function pour (response: ServerResponse, size: number): void {
  let sent = 0
  const more = (): void => {
    while (sent < size) {
      sent += PIECE.length
      if (!response.write(PIECE)) return
    }
    response.off('drain', more)
    response.end()
  }
  response.on('drain', more)
  more()
}

for (const [what, announced] of Object.entries({ 'of known length': true, 'of unknown length': false })) {
  t.test(`a client that stops reading holds a target with 200 MB ${what} back, and gets all of it once it reads on`, async t => {
    let response: ServerResponse | undefined
    const target = await upstream(t, (_request, outgoing) => {
      response = outgoing
      if (announced) outgoing.setHeader('content-length', SIZE)
      pour(outgoing, SIZE)
    })
    const { app, port } = await gateway(t, { name: 'pool', targets: [target.url] })
    const before = process.memoryUsage().arrayBuffers
    const socket = connect(port, '127.0.0.1')
    socket.pause()
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await until(() => response !== undefined)
    await standstill(() => response?.socket?.bytesWritten ?? 0)

    const written = response?.socket?.bytesWritten ?? SIZE
    t.ok(written < 16 * MB, `the target was held back after ${(written / MB).toFixed(1)} MB`)
    t.ok(process.memoryUsage().arrayBuffers - before < 32 * MB, 'memory did not grow with it')
    t.equal(app.upstreams['pool']?.targets[0]?.inFlight, 1)

    let received = 0
    for await (const chunk of socket) received += (chunk as Buffer).length
    t.ok(received > SIZE && received < SIZE + MB, 'head, body and no more')
    t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 1, faults: 0 } })
  })
}

t.test('a client that stops reading is not cut by the idle timeout of its target', async t => {
  let response: ServerResponse | undefined
  const target = await upstream(t, (_request, outgoing) => {
    response = outgoing
    pour(outgoing, 40 * MB)
  })
  const { app, port } = await gateway(t, { name: 'pool', targets: [target.url], timeouts: { idle: 300 } })
  const socket = connect(port, '127.0.0.1')
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await until(() => response !== undefined)
  // Several idle timeouts long.
  await standstill(() => response?.socket?.bytesWritten ?? 0)
  await standstill(() => response?.socket?.bytesWritten ?? 0)
  let received = 0
  for await (const chunk of socket) received += (chunk as Buffer).length
  t.ok(received > 40 * MB)
  t.match(app.upstreams['pool']?.targets[0], { inFlight: 0, counters: { answered: 1, broken: 0 } })
})

t.test('a client that leaves while it holds a target back sets the target free', async t => {
  let response: ServerResponse | undefined
  const target = await upstream(t, (_request, outgoing) => {
    response = outgoing
    pour(outgoing, SIZE)
  })
  const { app, port } = await gateway(t, { name: 'pool', targets: [target.url] })
  const socket = connect(port, '127.0.0.1')
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => response !== undefined)
  await standstill(() => response?.socket?.bytesWritten ?? 0)
  socket.destroy()
  await until(() => response?.closed === true && app.upstreams['pool']?.targets[0]?.inFlight === 0)
  t.match(app.upstreams['pool']?.targets[0], { counters: { aborted: 1, faults: 0 } })
})
