import { PassThrough } from 'node:stream'
import t from 'tap'
import { play, turn, type Play } from './scripted.js'

/** Nothing is in flight, and nobody is blamed. */
function quiet ({ a, b, c }: Play): boolean {
  return [a, b, c].every(target => target.inFlight === 0 && target.snapshot().counters.faults === 0)
}

const REASON = new Error('mine')

t.test('before anything was sent', async t => {
  const game = play()
  const { a, listener, exchange, outcomes } = game
  exchange.start()
  listener.abort(REASON)
  t.same(listener.errors, [REASON])
  t.match(outcomes, [{ kind: 'aborted', error: REASON }])
  t.ok(quiet(game), 'at once')
  t.throws(() => { a.sent.connect() }, 'the connection, when it is there at last, is not used')
  a.sent.handler.onError(new Error('given up'))
  await turn()
  t.same(listener.calls, ['connect', 'error'])
  t.equal(game.b.sends.length, 0)
})

t.test('after it was sent', async t => {
  const game = play()
  const { a, listener, exchange } = game
  exchange.start()
  a.sent.connect()
  listener.abort(REASON)
  t.same(a.sent.aborted, [REASON], 'the connection is given up')
  a.sent.handler.onError(REASON)
  await turn()
  t.same(listener.calls, ['connect', 'error'])
  t.ok(quiet(game))
  t.equal(game.b.sends.length, 0)
})

t.test('while a small answer is being collected', t => {
  const game = play()
  const { a, listener, exchange } = game
  exchange.start()
  a.sent.connect()
  a.sent.head(200, { 'content-length': '4' })
  a.sent.handler.onData(Buffer.from('bo'))
  listener.abort(REASON)
  t.same(a.sent.aborted, [REASON])
  t.same(listener.calls, ['connect', 'error'])
  t.ok(quiet(game))
  t.end()
})

t.test('in the middle of a streamed answer', t => {
  const game = play()
  const { a, listener, exchange, outcomes } = game
  exchange.start()
  a.sent.connect()
  a.sent.head(200)
  a.sent.handler.onData(Buffer.from('1'))
  listener.abort(REASON)
  a.sent.handler.onError(REASON)
  t.same(listener.calls, ['connect', 'headers 200', 'data 1', 'error'])
  t.same(outcomes, [{ kind: 'aborted', error: REASON }])
  t.ok(quiet(game))
  t.end()
})

t.test('between two attempts', async t => {
  const { a, b, listener, exchange } = play()
  exchange.start()
  a.sent.handler.onError(new Error('refused'))
  listener.abort(REASON)
  await turn()
  t.equal(b.sends.length, 0, 'the second is not begun')
  t.same(listener.errors, [REASON])
})

t.test('inside onConnect', async t => {
  const { a, listener, exchange } = play()
  listener.onConnect = abort => { abort(REASON) }
  exchange.start()
  t.same(listener.errors, [REASON])
  t.equal(a.sends.length, 0)
})

t.test('twice, or after the end, changes nothing', t => {
  const game = play()
  const { a, listener, exchange, outcomes } = game
  exchange.start()
  a.sent.connect()
  listener.abort(REASON)
  listener.abort(new Error('again'))
  t.same(listener.errors, [REASON])
  t.equal(outcomes.length, 1)

  const done = play()
  done.exchange.start()
  done.a.sent.connect()
  done.a.sent.head(200, { 'content-length': '0' })
  done.a.sent.handler.onComplete([])
  done.listener.abort(REASON)
  t.same(done.listener.calls, ['connect', 'headers 200', 'complete'])
  t.same(done.a.sent.aborted, [])
  t.end()
})

t.test('without a reason is an AbortError', t => {
  const { listener, exchange } = play()
  exchange.start()
  listener.abort()
  t.match(listener.errors, [{ name: 'AbortError' }])
  t.end()
})

t.test('a body that fails by itself ends the exchange with its own error', async t => {
  const body = new PassThrough()
  const game = play({ method: 'PUT', body })
  const { a, listener, exchange, outcomes } = game
  exchange.start()
  a.sent.connect()
  body.destroy(REASON)
  await turn()
  t.same(listener.errors, [REASON])
  t.same(outcomes, [{ kind: 'aborted', error: REASON }])
  t.ok(quiet(game))
})

t.test('a handler that throws in onConnect is told, and nothing is sent', t => {
  const { a, listener, exchange } = play()
  listener.onConnect = () => { throw REASON }
  exchange.start()
  t.same(listener.errors, [REASON])
  t.equal(a.sends.length, 0)
  t.end()
})

for (const length of ['2', undefined]) {
  t.test(`a handler that throws in onComplete of ${length === undefined ? 'a streamed' : 'a small'} answer is told once`, t => {
    const game = play()
    const { a, listener, exchange } = game
    listener.onComplete = () => { throw REASON }
    exchange.start()
    a.sent.connect()
    a.sent.head(200, length === undefined ? {} : { 'content-length': length })
    a.sent.handler.onData(Buffer.from('hi'))
    a.sent.handler.onComplete([])
    t.same(listener.calls, ['connect', 'headers 200', 'data hi', 'error'])
    t.same(listener.errors, [REASON])
    t.ok(quiet(game))
    t.end()
  })
}
