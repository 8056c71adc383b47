import t from 'tap'
import { play, turn } from './scripted.js'

t.test('the time for headers starts when the request has been sent, and is kept to the millisecond', async t => {
  const { a, b, clock, exchange, outcomes } = play({}, { headers: 100 })
  exchange.start()
  await clock.advance(10_000)
  a.sent.connect()
  await clock.advance(10_000)
  t.equal(clock.pending, 0, 'an upload may take its time')
  a.sent.handler.onRequestSent?.()
  await clock.advance(99)
  t.same(outcomes, [])
  await clock.advance(1)
  t.match(outcomes, [{ kind: 'failed', error: { code: 'UND_ERR_HEADERS_TIMEOUT' } }])
  t.equal(a.sent.aborted.length, 1, 'its connection is given up')
  t.same([a.inFlight, a.snapshot().counters.faults, b.sends.length], [0, 1, 1], 'a GET moves on')
})

t.test('it does not start when the answer came before the end of the request', async t => {
  const { a, clock, exchange, listener } = play({ method: 'POST', body: 'x' }, { headers: 100 })
  exchange.start()
  a.sent.connect()
  a.sent.head(413)
  a.sent.handler.onRequestSent?.()
  t.equal(clock.pending, 0)
  await clock.advance(1000)
  t.same(listener.errors, [])
})

t.test('hints do not prolong it', async t => {
  const { a, clock, exchange, listener } = play({ method: 'POST' }, { headers: 100 })
  exchange.start()
  a.sent.connect()
  a.sent.handler.onRequestSent?.()
  await clock.advance(60)
  a.sent.head(103)
  await clock.advance(40)
  t.match(listener.errors, [{ code: 'FST_BALANCER_HEADERS_TIMEOUT', statusCode: 504 }])
})

t.test('the time for a try starts with the pick of its target, and each further attempt has its own', async t => {
  const { a, b, c, clock, exchange, listener } = play({}, { try: 100 })
  exchange.start()
  await clock.advance(99)
  a.sent.connect()
  t.equal(b.sends.length, 0)
  await clock.advance(1)
  await clock.advance(99)
  t.same([b.sends.length, c.sends.length], [1, 0])
  await clock.advance(1)
  await clock.advance(100)
  t.equal(c.sends.length, 1)
  t.match(listener.errors, [{ code: 'FST_BALANCER_HEADERS_TIMEOUT', statusCode: 504 }])
  t.equal(clock.pending, 0)
})

t.test('a try that is over before it was sent moves on with any method, and is a 504 when nobody is left', async t => {
  const game = play({ method: 'POST', body: 'x' }, { try: 100 })
  const { a, b, clock, exchange, listener, outcomes } = game
  game.available = [a, b]
  exchange.start()
  await clock.advance(100)
  t.equal(b.sends.length, 1)
  await clock.advance(100)
  t.same(outcomes.map(({ kind }) => kind), ['unsent', 'unsent'])
  t.match(listener.errors, [{ code: 'FST_BALANCER_HEADERS_TIMEOUT', statusCode: 504 }])
  t.throws(() => { a.sent.connect() }, 'the connection, when it is there at last, is not used')
})

t.test('with the headers the time for a try is over', async t => {
  const { a, clock, exchange, listener } = play({}, { try: 100, headers: 50 })
  exchange.start()
  a.sent.connect()
  a.sent.handler.onRequestSent?.()
  a.sent.head(200)
  t.equal(clock.pending, 0)
  await clock.advance(1000)
  t.same(listener.errors, [])
})

t.test('a request may have a time for headers of its own, or none', async t => {
  for (const [headersTimeout, over] of [[10, 10], [0, undefined], [undefined, 100]] as const) {
    const { a, clock, exchange, listener } = play({ method: 'POST', ...(headersTimeout === undefined ? undefined : { headersTimeout }) }, { headers: 100 })
    exchange.start()
    t.equal(a.sent.options.headersTimeout, 0, 'undici keeps none')
    a.sent.connect()
    a.sent.handler.onRequestSent?.()
    await clock.advance((over ?? 1000) - 1)
    t.same(listener.errors, [])
    await clock.advance(1)
    await turn()
    t.equal(listener.errors.length, over === undefined ? 0 : 1)
  }
})
