import t from 'tap'
import { VirtualClock } from '../kit/clock.js'
import { rawUpstream, until } from '../kit/index.js'
import { connection, Fake, GET, Received, to, uploading } from './direct.js'
import { answer } from './kit.js'

t.test('an answer whose reader waits is read to its end although the connection was reset behind it', async t => {
  const body = 'x'.repeat(20_000)
  for (let run = 0; run < 50; run++) {
    let closed = false
    const url = await rawUpstream(t, socket => {
      socket.on('close', () => { closed = true })
      socket.once('data', () => { socket.write(answer('200 OK', body), () => { setTimeout(() => { socket.resetAndDestroy() }, 2) }) })
    })
    const { connection: subject } = connection(t, to(url))
    const received = new Received(true)
    subject.dispatch(GET, received)
    await until(() => received.status === 200 && closed)
    // Nothing tells of a reset that is kept back; most have come by now, and the order makes no difference.
    await new Promise(resolve => { setTimeout(resolve, 5) })
    received.resume()
    await until(() => received.ended !== undefined)
    t.equal(received.ended, true)
    t.equal(received.text.length, body.length)
  }
})

t.test('an answer that is cut by a reset while its reader waits fails with the reset', async t => {
  const socket = new Fake()
  const { connection: subject } = connection(t, () => socket)
  const received = new Received(true)
  subject.dispatch(GET, received)
  await until(() => received.connection !== undefined && socket.listenerCount('readable') > 0)
  await new Promise(resolve => { setImmediate(resolve) })
  socket.push('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
  await until(() => received.status === 200)
  socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' }))
  t.equal(received.ended, undefined)
  received.resume()
  await until(() => received.ended !== undefined)
  t.equal(received.text, 'half')
  t.match(received.ended, { message: 'read ECONNRESET', cause: { code: 'ECONNRESET' } })
})

t.test('an answer that only the end of its connection would end is not ended by a reset', async t => {
  for (const paused of [false, true]) {
    const socket = new Fake()
    const { connection: subject } = connection(t, () => socket)
    const received = new Received(paused)
    subject.dispatch(GET, received)
    await until(() => received.connection !== undefined && socket.listenerCount('readable') > 0)
    await new Promise(resolve => { setImmediate(resolve) })
    socket.push('HTTP/1.1 200 OK\r\n\r\nhalf of ')
    await until(() => received.status === 200)
    socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' }))
    received.resume()
    await until(() => received.ended !== undefined)
    t.match(received.ended, { message: 'read ECONNRESET' })
  }
})

t.test('a failed write without an answer is an error after a second, and nothing more is read of the upload', async t => {
  const clock = new VirtualClock()
  const socket = new Fake(100_000)
  const { connection: subject } = connection(t, () => socket, clock)
  const { options, taken } = uploading()
  const received = new Received()
  subject.dispatch(options, received)
  await until(() => socket.broken)
  await new Promise(resolve => { setTimeout(resolve, 20) })
  t.equal(received.ended, undefined)
  t.ok(taken() < 300_000, `${taken()} bytes were taken`)
  await clock.advance(1000)
  await until(() => received.ended !== undefined)
  t.match(received.ended, { code: 'EPIPE' })
  t.equal(clock.pending, 0)
})

t.test('a failed write and the end of the connection are the error at once', async t => {
  const clock = new VirtualClock()
  const socket = new Fake(100_000)
  const { connection: subject } = connection(t, () => socket, clock)
  const received = new Received()
  subject.dispatch(uploading().options, received)
  await until(() => socket.broken)
  socket.push('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 ')
  socket.push(null)
  await until(() => received.ended !== undefined)
  t.match(received.ended, { code: 'EPIPE' })
  t.equal(clock.pending, 0)
})

t.test('an upload whose answer is read slowly is let go of a second after its write failed', async t => {
  const clock = new VirtualClock()
  const socket = new Fake(100_000)
  const { connection: subject, sockets } = connection(t, () => sockets.length === 0 ? socket : new Fake(), clock)
  const { options, taken } = uploading()
  const received = new Received(true)
  subject.dispatch(options, received)
  await until(() => socket.broken)
  socket.push(answer('413 Content Too Large', 'too large'))
  await until(() => received.status === 413)
  await clock.advance(1000)
  await until(() => taken() === 1_000_000)
  t.equal(received.ended, undefined)
  received.resume()
  await until(() => received.ended === true)
  t.equal(received.text, 'too large')

  const next = new Received()
  subject.dispatch(GET, next)
  await until(() => sockets.length === 2 && next.reused === false)
  t.ok(socket.destroyed, 'the next request goes elsewhere')
})
