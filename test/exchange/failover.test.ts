import t from 'tap'
import type { AttemptRecord } from '../../lib/index.js'
import { play, turn } from './scripted.js'

t.test('a small answer is passed on in one go, once it is whole', async t => {
  const { a, listener, exchange, outcomes, clock } = play()
  exchange.start()
  t.same(listener.calls, ['connect'])
  await clock.advance(5)
  a.sent.connect()
  await clock.advance(10)
  a.sent.head(200, { 'content-length': '4' })
  await clock.advance(20)
  a.sent.handler.onData(Buffer.from('bo'))
  a.sent.handler.onData(Buffer.from('dy'))
  t.same(listener.calls, ['connect'], 'nothing has been passed on yet')
  t.equal(a.inFlight, 1)
  a.sent.handler.onComplete([])
  t.same(listener.calls, ['connect', 'headers 200', 'data body', 'complete'])
  t.same(outcomes, [{ kind: 'answered', status: 200, latency: 15 }], 'the latency ends with the headers')
  t.equal(a.inFlight, 0)
  t.equal(a.latency, 15)
})

t.test('a streamed answer is passed on as it comes and is in flight to its end', t => {
  const { a, listener, exchange, outcomes } = play()
  exchange.start()
  a.sent.connect()
  a.sent.head(200)
  t.same(listener.calls, ['connect', 'headers 200'])
  a.sent.handler.onData(Buffer.from('1'))
  t.equal(a.inFlight, 1)
  t.same(outcomes, [])
  a.sent.handler.onComplete([])
  t.same(listener.calls, ['connect', 'headers 200', 'data 1', 'complete'])
  t.equal(a.inFlight, 0)
  t.match(outcomes, [{ kind: 'answered' }])
  t.end()
})

t.test('attempts are noted with the time that each took', async t => {
  const attempts: AttemptRecord[] = []
  const { a, b, c, exchange, clock } = play({ attempts })
  exchange.start()
  await clock.advance(100)
  const refused = new Error('refused')
  a.sent.handler.onError(refused)
  t.same(attempts, [{ target: 'http://a.test', why: 'first', outcome: 'unsent', error: refused, ms: 100, startedAt: 0, endedAfter: 100 }])
  await turn()
  b.sent.connect()
  await clock.advance(30)
  b.sent.head(503, { 'content-length': '0' })
  await clock.advance(1)
  b.sent.handler.onComplete([])
  await turn()
  c.sent.connect()
  await clock.advance(7)
  c.sent.head(200)
  t.match(attempts, [
    { target: 'http://a.test', outcome: 'unsent', ms: 100 },
    { target: 'http://b.test', outcome: 'answered', status: 503, ms: 30 },
    { target: 'http://c.test', outcome: 'answered', status: 200, ms: 7 }
  ], 'a streamed answer is noted with its headers')
  await clock.advance(50)
  const cut = new Error('cut')
  c.sent.handler.onError(cut)
  t.same(attempts[2], { target: 'http://c.test', why: 'retry', outcome: 'broken', status: 200, error: cut, ms: 7, startedAt: 131, sentAfter: 0, endedAfter: 57 }, 'ms stays the time to the headers')
  t.equal(attempts.length, 3)
  t.end()
})

t.test('the next attempt starts in a task of its own, not inside the callback of a connection', async t => {
  const { a, b, exchange } = play()
  exchange.start()
  a.sent.handler.onError(new Error('refused'))
  t.equal(b.sends.length, 0)
  await turn()
  t.equal(b.sends.length, 1)
})

t.test('hints are passed on as they come and do not stand in the way of another target', async t => {
  const { a, b, listener, exchange } = play()
  exchange.start()
  a.sent.connect()
  a.sent.head(103)
  a.sent.handler.onError(new Error('reset'))
  await turn()
  b.sent.connect()
  b.sent.head(200, { 'content-length': '0' })
  b.sent.handler.onComplete([])
  t.same(listener.calls, ['connect', 'headers 103', 'headers 200', 'complete'])
})

t.test('a streamed 503 is given up with its connection when there is somebody else to ask', async t => {
  const { a, b, listener, exchange, outcomes } = play()
  exchange.start()
  a.sent.connect()
  a.sent.head(503)
  t.equal(a.sent.aborted.length, 1)
  t.match(outcomes, [{ kind: 'answered', status: 503 }])
  t.equal(a.inFlight, 0)
  // undici tells of the abort as an error.
  a.sent.handler.onError(a.sent.aborted[0] as Error)
  await turn()
  t.equal(b.sends.length, 1)
  t.equal(outcomes.length, 1)
  t.same(listener.calls, ['connect'])
})

t.test('the last answer is passed on even if it is a 503', async t => {
  const { a, b, c, listener, exchange } = play()
  exchange.start()
  for (const target of [a, b, c]) {
    target.sent.connect()
    target.sent.head(503, { 'content-length': '0' })
    target.sent.handler.onComplete([])
    await turn()
  }
  t.same(listener.calls, ['connect', 'headers 503', 'complete'])
})

t.test('a 503 is passed on when all others have left in the meantime', async t => {
  const game = play()
  const { a, listener, exchange } = game
  exchange.start()
  a.sent.connect()
  game.available = [a]
  a.sent.head(503, { 'content-length': '0' })
  a.sent.handler.onComplete([])
  await turn()
  t.same(listener.calls, ['connect', 'headers 503', 'complete'])
})

t.test('when the last target leaves while an attempt is being prepared, the request fails with what went wrong', async t => {
  const refused = play()
  refused.exchange.start()
  refused.a.sent.handler.onError(new Error('refused'))
  refused.available = []
  await turn()
  t.match(refused.listener.errors, [{ code: 'FST_BALANCER_UNREACHABLE', cause: { message: 'refused' } }])

  const busy = play()
  busy.exchange.start()
  busy.a.sent.connect()
  busy.a.sent.head(503)
  busy.available = [busy.a]
  await turn()
  t.match(busy.listener.errors, [{ code: 'FST_BALANCER_NO_TARGET' }], 'its answer was given up already')
})

t.test('a target that joins in the meantime is asked', async t => {
  const game = play()
  const { a, c, exchange } = game
  game.available = [a, game.b]
  exchange.start()
  game.available = [c, a]
  a.sent.handler.onError(new Error('refused'))
  await turn()
  t.equal(c.sends.length, 1)
})

t.test('the rule is asked with what was sent so far', async t => {
  const asked: unknown[] = []
  const { a, exchange } = play({ method: 'PATCH', body: 'x', headers: { 'Idempotency-Key': 'k' } }, {
    rule: (outcome, sent) => {
      asked.push([outcome.kind, sent.method, sent.idempotencyKey, sent.replayable])
      return false
    }
  })
  exchange.start()
  a.sent.connect()
  a.sent.handler.onError(new Error('reset'))
  t.same(asked, [['failed', 'PATCH', true, true]])
})
