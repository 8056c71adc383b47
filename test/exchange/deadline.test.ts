import t from 'tap'
import { play, turn, type Send } from './scripted.js'

function busy (send: Send): void {
  send.connect()
  send.head(503, { 'content-length': '0' })
  send.handler.onComplete([])
}

t.test('the time for everything ends a request to the millisecond, and its target is not blamed', async t => {
  const { a, b, clock, exchange, listener, outcomes } = play({}, { total: 1000 })
  exchange.start()
  a.sent.connect()
  await clock.advance(999)
  t.same(listener.errors, [])
  await clock.advance(1)
  t.match(listener.errors, [{ code: 'FST_BALANCER_DEADLINE', statusCode: 504 }])
  t.match(outcomes, [{ kind: 'aborted' }])
  t.equal(a.sent.aborted.length, 1, 'its work is cancelled')
  t.same([a.inFlight, a.snapshot().counters.faults, b.sends.length, clock.pending], [0, 0, 0, 0])
})

t.test('it goes on through further attempts', async t => {
  const { a, b, clock, exchange, listener } = play({}, { total: 1000 })
  exchange.start()
  await clock.advance(600)
  busy(a.sent)
  await turn()
  b.sent.connect()
  await clock.advance(399)
  t.same(listener.errors, [])
  await clock.advance(1)
  t.match(listener.errors, [{ code: 'FST_BALANCER_DEADLINE' }])
})

t.test('it ends an answer that is being passed on', async t => {
  const { a, clock, exchange, listener } = play({}, { total: 1000 })
  exchange.start()
  a.sent.connect()
  a.sent.head(200)
  await clock.advance(1000)
  t.same(listener.calls, ['connect', 'headers 200', 'error'])
  t.match(listener.errors, [{ code: 'FST_BALANCER_DEADLINE' }])
})

t.test('it counts while the request waits to be let in', async t => {
  let gaveUp = 0
  const { a, clock, exchange, listener } = play({}, {
    total: 1000,
    admission: { enter () {}, giveUp () { gaveUp++ }, leave () { t.fail('it has no place to give back') }, becomesStream () {} }
  })
  exchange.start()
  await clock.advance(1000)
  t.match(listener.errors, [{ code: 'FST_BALANCER_DEADLINE' }])
  t.equal(gaveUp, 1)
  t.equal(a.sends.length, 0)
})

t.test('a request that has a time of its own goes by that; 0 is no limit', async t => {
  for (const [timeout, over] of [[300, true], [0, false], [2000, false]] as const) {
    const { a, clock, exchange, listener } = play({ timeout }, { total: 500 })
    exchange.start()
    a.sent.connect()
    await clock.advance(1000)
    t.equal(listener.errors.length, over ? 1 : 0, String(timeout))
  }
})

t.test('a stream is exempt from the moment it is one', async t => {
  const { a, clock, exchange, listener } = play({}, { total: 1000 })
  exchange.start()
  a.sent.connect()
  a.sent.head(200, { 'content-type': 'text/event-stream' })
  t.equal(clock.pending, 0)
  await clock.advance(1_000_000)
  t.same(listener.calls, ['connect', 'headers 200'])
})

t.test('no further attempt is begun that could not end in time: the answer that came is passed on', async t => {
  for (const [left, waits] of [[1, false], [1001, true]] as const) {
    const { a, b, clock, exchange, listener } = play({ timeout: 5000 }, { retry: { backoff: { base: 1000, max: 1000 } } })
    exchange.start()
    await clock.advance(5000 - left)
    busy(a.sent)
    t.same(listener.calls, waits ? ['connect'] : ['connect', 'headers 503', 'complete'])
    t.equal(clock.pending, waits ? 2 : 0)
    await clock.advance(1000)
    t.equal(b.sends.length, waits ? 1 : 0)
  }
})

t.test('an end in time leaves no timer', async t => {
  const { a, clock, exchange } = play({}, { total: 1000 })
  exchange.start()
  a.sent.connect()
  a.sent.head(200, { 'content-length': '0' })
  a.sent.handler.onComplete([])
  t.equal(clock.pending, 0)
})
