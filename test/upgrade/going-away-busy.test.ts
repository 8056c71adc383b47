import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { WebSocket } from 'ws'
import { closeFrame } from '../../lib/frames.js'
import { VirtualClock } from '../kit/clock.js'
import { gateway, until } from '../kit/index.js'
import { echoing, frame, handshake, inFlight, opened, switching } from './kit.js'

t.test('under traffic without a pause in both directions, both ends are closed with 1001 and every message is whole', async t => {
  const { url, wss } = await echoing(t)
  const { app, url: front } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true, timeouts: { grace: 300 } })
  for (const size of [10, 1000, 300_000, 5_000_000]) {
    const client = await opened(t, `${front}/ws`, [], { perMessageDeflate: false })
    const [upstream] = wss.clients as unknown as WebSocket[]
    const ends = [client, upstream as WebSocket]
    const wrong: unknown[] = []
    const closed = ends.map(async end => await new Promise<number>(resolve => { end.on('close', resolve) }))
    for (const end of ends) {
      // A frame in the wrong place is an error of the protocol.
      end.on('error', error => { wrong.push(error) })
      end.removeAllListeners('message')
      end.on('message', data => { if ((data as Buffer).length !== size) wrong.push((data as Buffer).length) })
      const pump = (): void => { if (end.readyState === end.OPEN) end.send(Buffer.alloc(size), pump) }
      pump()
      pump()
    }
    app.upstreams['ws']?.drain(url)
    t.same(await Promise.all(closed), [1001, 1001], `${size} bytes`)
    t.same(wrong, [])
    await until(() => inFlight(app) === 0)
    app.upstreams['ws']?.drain(url, false)
  }
})

/** Both ends as bytes. */
async function rawEnds (t: Test, clock: VirtualClock) {
  let upstream: Socket | undefined
  const url = await switching(t, socket => { upstream = socket })
  // What timers there are, are those of WebSockets.
  const { app, port } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true, clock, timeouts: { headers: 0, idle: 0 } })
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {})
  t.teardown(() => { client.destroy() })
  client.write(handshake('/ws'))
  await once(client, 'data')
  await until(() => upstream !== undefined)
  const got = { client: [] as Buffer[], upstream: [] as Buffer[] }
  client.on('data', (chunk: Buffer) => { got.client.push(chunk) })
  upstream?.on('data', (chunk: Buffer) => { got.upstream.push(chunk) })
  return { app, url, client, upstream: upstream as Socket, got }
}

t.test('a frame under way in each direction is finished first', async t => {
  const clock = new VirtualClock()
  const { app, url, client, upstream, got } = await rawEnds(t, clock)
  const up = frame(Buffer.alloc(200_000, 1), { mask: Buffer.from('mask') })
  const down = frame(Buffer.alloc(300_000, 2))
  client.write(up.subarray(0, 100_000))
  upstream.write(down.subarray(0, 100_000))
  await until(() => Buffer.concat(got.client).length === 100_000 && Buffer.concat(got.upstream).length === 100_000)
  app.upstreams['ws']?.drain(url)
  await clock.advance(10_000)
  client.write(Buffer.concat([up.subarray(100_000), frame('too late', { mask: Buffer.from('mask') })]))
  upstream.write(Buffer.concat([down.subarray(100_000), frame('too late')]))
  await until(() => client.readableEnded && upstream.readableEnded)
  t.ok(Buffer.concat(got.client).equals(Buffer.concat([down, closeFrame()])))
  const received = Buffer.concat(got.upstream)
  t.ok(received.equals(Buffer.concat([up, closeFrame(received.subarray(up.length + 2, up.length + 6))])))
})

t.test('a peer that does not answer the close frame is cut off after a second', async t => {
  const clock = new VirtualClock()
  const { app, url, client, upstream } = await rawEnds(t, clock)
  // One that never ends, and sends on.
  const sending = setInterval(() => { client.write(frame('x', { mask: Buffer.from('mask') })) }, 5)
  t.teardown(() => { clearInterval(sending) })
  upstream.removeAllListeners('end')
  const removed = app.upstreams['ws']?.remove(url)
  await clock.advance(10_000)
  await until(() => client.readableEnded)
  t.equal(client.closed, false)
  await clock.advance(1000)
  await removed
  await until(() => client.closed && upstream.closed)
  t.equal(clock.pending, 0)
})
