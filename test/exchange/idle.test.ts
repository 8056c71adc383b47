import t from 'tap'
import { Listener, play, rawHeaders, turn } from './scripted.js'

const PIECE = Buffer.from('a')

t.test('silence in a stream cuts it when the idle timeout is over, to the millisecond', async t => {
  const { a, b, clock, listener, exchange, outcomes } = play({}, { idle: 100 })
  exchange.start()
  a.sent.connect()
  a.sent.head(200)
  for (let i = 0; i < 5; i++) {
    await clock.advance(99)
    a.sent.handler.onData(PIECE)
  }
  await clock.advance(99)
  t.same(listener.errors, [])
  await clock.advance(1)
  t.match(listener.errors, [{ code: 'FST_BALANCER_IDLE_TIMEOUT' }])
  t.match(a.sent.aborted, [{ code: 'UND_ERR_BODY_TIMEOUT' }], 'its connection is given up')
  t.match(outcomes, [{ kind: 'broken' }])
  t.equal(clock.pending, 0)
  t.equal(b.sends.length, 0)
})

t.test('silence in a small answer moves on', async t => {
  const { a, b, clock, listener, exchange, outcomes } = play({}, { idle: 100 })
  exchange.start()
  a.sent.connect()
  a.sent.head(200, { 'content-length': '2' })
  await clock.advance(100)
  t.match(outcomes, [{ kind: 'failed', error: { code: 'UND_ERR_BODY_TIMEOUT' } }])
  b.sent.connect()
  b.sent.head(200, { 'content-length': '1' })
  b.sent.handler.onData(PIECE)
  b.sent.handler.onComplete([])
  t.same(listener.calls, ['connect', 'headers 200', 'data a', 'complete'])
  t.equal(clock.pending, 0)
})

t.test('events may be as far apart as they like', async t => {
  const { a, clock, listener, exchange } = play({}, { idle: 100 })
  exchange.start()
  a.sent.connect()
  a.sent.head(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  await clock.advance(1_000_000)
  t.same(listener.errors, [])
  t.equal(clock.pending, 0)
})

t.test('a reader that waits is not silence of the upstream', async t => {
  let paused = false
  let goOn: () => void = () => {}
  class Slow extends Listener {
    override onHeaders (status: number, _headers?: Buffer[], resume?: () => void): boolean {
      goOn = resume ?? goOn
      return super.onHeaders(status)
    }

    override onData (chunk: Buffer): boolean {
      super.onData(chunk)
      return !paused
    }
  }
  const { a, clock, listener, exchange } = play({}, { idle: 100 }, new Slow())
  exchange.start()
  a.sent.connect()
  a.sent.handler.onHeaders(200, rawHeaders({}), () => {}, '')
  paused = true
  a.sent.handler.onData(PIECE)
  await clock.advance(1000)
  t.same(listener.errors, [])
  goOn()
  await clock.advance(99)
  t.same(listener.errors, [], 'the time counts from when it goes on reading')
  await clock.advance(100)
  t.match(listener.errors, [{ code: 'FST_BALANCER_IDLE_TIMEOUT' }])
})

t.test('the request may have a limit of its own, or none', async t => {
  for (const [bodyTimeout, over] of [[10, 10], [0, undefined], [undefined, 100]] as const) {
    const { a, clock, listener, exchange } = play(bodyTimeout === undefined ? {} : { bodyTimeout }, { idle: 100 })
    exchange.start()
    t.equal(a.sent.options.bodyTimeout, 0, 'undici keeps none')
    a.sent.connect()
    a.sent.head(200)
    await clock.advance((over ?? 1000) - 1)
    t.same(listener.errors, [])
    await clock.advance(1)
    t.equal(listener.errors.length, over === undefined ? 0 : 1)
  }
})

t.test('an end in time leaves no timer', async t => {
  const { a, clock, listener, exchange } = play({}, { idle: 100 })
  exchange.start()
  a.sent.connect()
  a.sent.head(200)
  t.equal(clock.pending, 1)
  a.sent.handler.onComplete([])
  await turn()
  t.equal(clock.pending, 0)
  t.same(listener.calls, ['connect', 'headers 200', 'complete'])
})
