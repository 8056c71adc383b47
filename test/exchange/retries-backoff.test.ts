import t from 'tap'
import { backoff } from '../../lib/retry.js'
import { VirtualClock } from '../kit/clock.js'
import { play, turn, type Send } from './scripted.js'

const REFUSED = new Error('refused')

function busy (send: Send): void {
  send.connect()
  send.head(503, { 'content-length': '0' })
  send.handler.onComplete([])
}

function reset (send: Send): void {
  send.connect()
  send.handler.onError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
}

t.test('a wait is drawn evenly from 0 to a limit that doubles and ends at the longest', async t => {
  const limits = { base: 25, max: 250 }
  t.same([1, 2, 3, 4, 5, 6, 50, 5000].map(attempt => backoff(attempt, limits, 1)), [25, 50, 100, 200, 250, 250, 250, 250])
  t.same([1, 2, 3].map(attempt => backoff(attempt, limits, 0.5)), [12.5, 25, 50])
  t.equal(backoff(9, limits, 0), 0)
  t.equal(backoff(1, { base: 300, max: 250 }, 1), 250, 'not even the first is longer than the longest')
  t.equal(backoff(3, { base: 0, max: 250 }, 1), 0)
})

for (const [what, end] of Object.entries({ busy, reset })) {
  t.test(`${what}: each further attempt waits for what was drawn, to the millisecond`, async t => {
    const { a, b, c, clock, exchange } = play({}, { retry: { backoff: { base: 100_000, max: 150_000 } } })
    const dice = new VirtualClock()
    const [first, second] = [100_000 * dice.random(), 150_000 * dice.random()]
    t.not(Math.round(first), Math.round(second / 1.5), 'the dice are thrown for each')
    exchange.start()
    end(a.sent)
    await clock.advance(first - 1)
    t.equal(b.sends.length, 0)
    await clock.advance(1.1)
    t.equal(b.sends.length, 1)
    end(b.sent)
    await clock.advance(second - 1)
    t.equal(c.sends.length, 0)
    await clock.advance(1.1)
    t.equal(c.sends.length, 1)
    t.equal(clock.pending, 0)
  })
}

t.test('what was never sent waits for nothing, not even after something that was sent', async t => {
  const { a, b, c, clock, exchange } = play({ method: 'POST', headers: { 'idempotency-key': 'a' } }, { retry: { backoff: { base: 1000, max: 1000 } } })
  exchange.start()
  reset(a.sent)
  await clock.advance(1000)
  b.sent.handler.onError(REFUSED)
  t.equal(clock.pending, 0)
  await turn()
  t.equal(c.sends.length, 1)
})

t.test('while it waits nothing is in flight at a target', async t => {
  const { a, b, clock, exchange, listener } = play({}, { retry: { backoff: { base: 1000, max: 1000 } } })
  exchange.start()
  busy(a.sent)
  t.same([a.inFlight, b.inFlight, clock.pending], [0, 0, 1])
  t.same(listener.calls, ['connect'])
})

t.test('a client that leaves during the wait ends it: no timer is left and nobody is asked', async t => {
  const { a, b, clock, exchange, listener } = play({}, { total: 5000, retry: { backoff: { base: 1000, max: 1000 } } })
  exchange.start()
  reset(a.sent)
  t.equal(clock.pending, 2, 'of the wait and of the deadline')
  listener.abort(new Error('gone'))
  t.equal(clock.pending, 0)
  await clock.advance(10_000)
  t.equal(b.sends.length, 0)
  t.same(listener.calls, ['connect', 'error'])
})
