import t from 'tap'
import { RetryBudget } from '../../lib/budget.js'
import { retryRule } from '../../lib/retry.js'
import { play, turn, type Play, type PlaySettings, type Send } from './scripted.js'

/** A 503, or another status, that says when to come back. */
function asksToWait (send: Send, seconds: string, status = 503): void {
  send.connect()
  send.head(status, { 'content-length': '0', 'retry-after': seconds })
  send.handler.onComplete([])
}

function alone (settings: PlaySettings, options: Parameters<typeof play>[0] = {}): Play {
  const game = play(options, settings)
  game.available = [game.a]
  game.exchange.start()
  return game
}

t.test('Retry-After is passed on at once unless retries.retryAfter says otherwise', async t => {
  const { a, listener, clock } = alone({})
  asksToWait(a.sent, '1')
  t.same(listener.calls, ['connect', 'headers 503', 'complete'])
  t.equal(clock.pending, 0)
})

t.test('it is waited for when there is nobody else, in seconds and to the millisecond, and the same target is asked once more', async t => {
  const { a, listener, clock, outcomes } = alone({ retry: { retryAfter: 2000 } })
  asksToWait(a.sent, '2')
  t.same(listener.calls, ['connect'])
  await clock.advance(1999)
  t.equal(a.sends.length, 1)
  await clock.advance(1)
  t.equal(a.sends.length, 2)
  asksToWait(a.sends[1] as Send, '1')
  t.same(listener.calls, ['connect', 'headers 503', 'complete'], 'only once')
  t.equal(outcomes.length, 2)
  t.equal(clock.pending, 0)
})

t.test('a longer one is passed on, and so is one that says nothing, 0 or nonsense', async t => {
  for (const value of ['3', '120', '', '0', 'soon', '-1', 'Thu, 01 Jan 1970 00:00:03 GMT']) {
    const { a, listener, clock } = alone({ retry: { retryAfter: 2000 } })
    asksToWait(a.sent, value)
    t.same(listener.calls, ['connect', 'headers 503', 'complete'], value)
    t.equal(clock.pending, 0)
  }
})

t.test('a date is waited for too', async t => {
  const { a, clock } = alone({ retry: { retryAfter: 2000 } })
  asksToWait(a.sent, 'Thu, 01 Jan 1970 00:00:02 GMT')
  await clock.advance(1999)
  t.equal(a.sends.length, 1)
  await clock.advance(1)
  t.equal(a.sends.length, 2)
})

t.test('another target is asked at once, it does not have to wait for the first', async t => {
  const { a, b, exchange, clock } = play({}, { retry: { retryAfter: 2000 } })
  exchange.start()
  asksToWait(a.sent, '2')
  await turn()
  t.equal(b.sends.length, 1)
  t.equal(clock.pending, 0)
})

t.test('when all have been asked it is the last one that is waited for', async t => {
  const game = play({}, { retries: 9, retry: { retryAfter: 2000 } })
  const { a, b, exchange, clock, listener } = game
  game.available = [a, b]
  exchange.start()
  asksToWait(a.sent, '1')
  await turn()
  asksToWait(b.sent, '2')
  await clock.advance(2000)
  t.same([a.sends.length, b.sends.length], [1, 2])
  asksToWait(b.sends[1] as Send, '1')
  t.same(listener.calls, ['connect', 'headers 503', 'complete'])
})

t.test('there is no wait beyond the deadline, nor to its very end', async t => {
  for (const [timeout, waits] of [[1999, false], [2000, false], [2001, true]] as const) {
    const { a, listener, clock } = alone({ retry: { retryAfter: 5000 } }, { timeout })
    asksToWait(a.sent, '2')
    t.equal(listener.calls.length === 1, waits, `${timeout} ms`)
    if (!waits) t.equal(clock.pending, 0)
  }
})

t.test('the wait counts as a retry: the limit, the rule and the budget hold', async t => {
  for (const [settings, options] of [
    [{ retries: 0, retry: { retryAfter: 5000 } }, {}],
    [{ retry: { retryAfter: 5000 } }, { method: 'POST' }],
    [{ retry: clock => ({ retryAfter: 5000, budget: new RetryBudget(clock, { share: 0, floor: 0, window: 1000 }) }) }, {}]
  ] as ReadonlyArray<[PlaySettings, Parameters<typeof play>[0]]>) {
    const { a, listener, clock } = alone(settings, options)
    asksToWait(a.sent, '1')
    t.same(listener.calls, ['connect', 'headers 503', 'complete'])
    t.equal(clock.pending, 0)
  }
})

t.test('that of a 429 is waited for when 429 is among the statuses, that of a 502 never', async t => {
  for (const [status, waits] of [[429, true], [502, false]] as const) {
    const { a, clock } = alone({ rule: retryRule(['GET'], [429, 502, 503]), retry: { retryAfter: 5000 } })
    asksToWait(a.sent, '1', status)
    t.equal(clock.pending, waits ? 1 : 0, String(status))
  }
})

t.test('a client that leaves during the wait leaves no timer behind', async t => {
  const { a, listener, clock } = alone({ total: 10_000, retry: { retryAfter: 5000 } })
  asksToWait(a.sent, '1')
  t.equal(clock.pending, 2)
  listener.abort(new Error('gone'))
  t.equal(clock.pending, 0)
  await clock.advance(20_000)
  t.equal(a.sends.length, 1)
})
