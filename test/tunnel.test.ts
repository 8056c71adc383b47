import { Duplex, duplexPair } from 'node:stream'
import t from 'tap'
import { closeFrame } from '../lib/frames.js'
import { Tunnel } from '../lib/tunnel.js'
import { VirtualClock } from './kit/clock.js'
import { frame } from './upgrade/kit.js'

/** A tunnel, the far end of each of its connections, and what has come out there. */
function tied ({ idle = 0, early = [] as Buffer[] } = {}) {
  const clock = new VirtualClock()
  const [client, nearClient] = duplexPair()
  const [upstream, nearUpstream] = duplexPair()
  const closed: object[] = []
  const tunnel = new Tunnel(nearClient, nearUpstream, early, { clock, idle, closed: bytes => { closed.push(bytes) } })
  const got = { client: [] as Buffer[], upstream: [] as Buffer[] }
  client.on('error', () => {}).on('data', (chunk: Buffer) => { got.client.push(chunk) })
  upstream.on('error', () => {}).on('data', (chunk: Buffer) => { got.upstream.push(chunk) })
  return { clock, tunnel, client, upstream, nearClient, nearUpstream, closed, got }
}

async function settled (): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(resolve => { setImmediate(resolve) })
}

t.test('bytes pass both ways, those that came early first, and are counted', async t => {
  const { client, upstream, got, closed, clock } = tied({ early: [frame('one'), frame('two')] })
  client.write(frame('three'))
  upstream.write(frame('hi'))
  await settled()
  t.same(Buffer.concat(got.upstream), Buffer.concat([frame('one'), frame('two'), frame('three')]))
  t.same(Buffer.concat(got.client), frame('hi'))
  client.end()
  upstream.end()
  await settled()
  t.same(closed, [{ received: 17, sent: 4 }])
  t.equal(clock.pending, 0)
})

t.test('an end of one side ends the other, with all that came before it', async t => {
  for (const end of ['client', 'upstream'] as const) {
    const { got, closed, ...ends } = tied()
    const other = end === 'client' ? 'upstream' : 'client'
    ends[end].end(frame('last words'))
    await settled()
    t.same(Buffer.concat(got[other]), frame('last words'))
    t.equal(ends[other].readableEnded, true)
    t.equal(closed.length, 0, 'the other has a moment to end as well')
    ends[other].end()
    await settled()
    t.equal(closed.length, 1)
  }
})

t.test('a failure of one side destroys the other', async t => {
  for (const end of ['nearClient', 'nearUpstream'] as const) {
    const { closed, nearClient, nearUpstream, ...rest } = tied()
    ;({ nearClient, nearUpstream })[end].destroy(new Error('reset'))
    await settled()
    t.same([nearClient.destroyed, nearUpstream.destroyed], [true, true])
    t.equal(closed.length, 1)
    t.equal(rest.clock.pending, 0)
  }
})

t.test('an end that the other side does not answer is enough after ten seconds', async t => {
  const { clock, client, nearUpstream, closed } = tied()
  await clock.advance(1_000_000)
  client.end()
  await settled()
  await clock.advance(9999)
  t.equal(nearUpstream.destroyed, false)
  await clock.advance(1 + 1000)
  t.equal(nearUpstream.destroyed, true)
  t.equal(closed.length, 1)
  t.equal(clock.pending, 0)
})

t.test('the end of a tunnel is a close frame to each side, cut off after a second without an answer', async t => {
  const { clock, tunnel, got, nearClient, nearUpstream, closed } = tied()
  tunnel.end()
  tunnel.end()
  await settled()
  t.same(Buffer.concat(got.client), closeFrame())
  const mask = Buffer.concat(got.upstream).subarray(2, 6)
  t.same(Buffer.concat(got.upstream), closeFrame(mask))
  t.not(mask.toString('hex'), '00000000')
  await clock.advance(999)
  t.same([nearClient.destroyed, nearUpstream.destroyed], [false, false])
  await clock.advance(1)
  t.same([nearClient.destroyed, nearUpstream.destroyed, closed.length, clock.pending], [true, true, 1, 0])
})

t.test('the close frame waits for the end of the frame under way; what follows that is dropped', async t => {
  const { clock, tunnel, client, upstream, got } = tied()
  const up = frame(Buffer.alloc(1000, 1), { mask: Buffer.from('mask') })
  const down = frame(Buffer.alloc(70_000, 2))
  client.write(up.subarray(0, 3))
  upstream.write(down.subarray(0, 50_000))
  await settled()
  tunnel.end()
  await settled()
  t.equal(Buffer.concat(got.upstream).length, 3)
  // Slower than the second that a silent end has.
  await clock.advance(900)
  client.write(up.subarray(3, 500))
  upstream.write(down.subarray(50_000, 50_001))
  await settled()
  await clock.advance(900)
  client.write(Buffer.concat([up.subarray(500), frame('too late')]))
  upstream.write(Buffer.concat([down.subarray(50_001), frame('too late')]))
  await settled()
  t.same(Buffer.concat(got.client), Buffer.concat([down, closeFrame()]))
  const sent = Buffer.concat(got.upstream)
  t.same(sent.subarray(0, up.length), up)
  t.same(sent.subarray(up.length), closeFrame(sent.subarray(up.length + 2, up.length + 6)))
})

t.test('a frame that never ends is not waited for', async t => {
  const { clock, tunnel, upstream, nearClient, closed } = tied()
  upstream.write(frame(Buffer.alloc(100_000)).subarray(0, 20))
  await settled()
  tunnel.end()
  for (let ms = 0; ms < 11_000 && !nearClient.destroyed; ms += 500) {
    upstream.write('x')
    await clock.advance(500)
  }
  t.equal(nearClient.destroyed, true)
  t.equal(clock.now(), 10_000)
  t.equal(closed.length, 1)
})

t.test('silence in both directions ends a tunnel, traffic in one keeps it', async t => {
  const { clock, client, upstream, got } = tied({ idle: 5000 })
  for (let i = 0; i < 5; i++) {
    await clock.advance(4000)
    ;(i % 2 === 0 ? client : upstream).write(frame('x'))
    await settled()
  }
  await clock.advance(4999)
  t.equal(Buffer.concat(got.client).includes(closeFrame()), false)
  await clock.advance(1)
  await settled()
  t.equal(Buffer.concat(got.client).includes(closeFrame()), true)
})

t.test('a reader that stops stops the other end, in both directions', async t => {
  for (const [from, to] of [['client', 'upstream'], ['upstream', 'client']] as const) {
    const ends = tied()
    ends[to].pause()
    let written = 0
    while (written < 10_000_000 && (written === 0 || !ends[from].writableNeedDrain)) {
      ends[from].write(Buffer.alloc(10_000))
      written += 10_000
      await settled()
    }
    t.ok(written < 1_000_000, `${written} bytes`)
    ends[to].resume()
    await settled()
    t.equal(Buffer.concat(ends.got[to]).length, written)
  }
})

t.test('a connection that was paused before is read from', async t => {
  const [client, near] = duplexPair()
  near.pause()
  client.write(frame('x'))
  const sent: Buffer[] = []
  const upstream = new Duplex({ read () {}, write (chunk: Buffer, _, done) { sent.push(chunk); done() } })
  const tunnel = new Tunnel(near, upstream, [], { clock: new VirtualClock(), idle: 0, closed () {} })
  await settled()
  t.same(Buffer.concat(sent), frame('x'))
  tunnel.end()
})
