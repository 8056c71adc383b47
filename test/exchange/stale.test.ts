import t from 'tap'
import type { Attempt } from '../../lib/attempt.js'
import { RetryBudget } from '../../lib/budget.js'
import type { Connection } from '../../lib/connection.js'
import { play, turn, type Play, type PlaySettings, type Send } from './scripted.js'

const NO_BUDGET: PlaySettings = {
  retry: clock => ({ budget: new RetryBudget(clock, { share: 0, floor: 0, window: 1000 }), backoff: { base: 1000, max: 1000 } })
}

/** Has the request written to a connection that its server has let go of. */
function stale (send: Send, code = 'ECONNRESET', isStale = true): void {
  (send.handler as Attempt).connection = { stale: isStale, begin () {} } as unknown as Connection
  send.connect()
  send.handler.onError(Object.assign(new Error('closed'), { code }))
}

function faults ({ a, b, c }: Play): number[] {
  return [a, b, c].map(target => target.snapshot().counters.faults)
}

for (const code of ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']) {
  t.test(`${code} on a stale connection: another target is asked without a wait, a budget or blame`, async t => {
    const game = play({}, NO_BUDGET)
    const { a, b, exchange, outcomes, clock } = game
    exchange.start()
    stale(a.sent, code)
    t.match(outcomes, [{ kind: 'failed', stale: true }])
    t.equal(clock.pending, 0)
    await turn()
    t.equal(b.sends.length, 1)
    t.same(faults(game), [0, 0, 0])
  })
}

t.test('the next attempt does not rely on connections that idle, the first one does', async t => {
  const { a, b, c, exchange } = play({}, NO_BUDGET)
  exchange.start()
  t.equal(a.dropped, 0)
  stale(a.sent)
  await turn()
  stale(b.sent)
  await turn()
  t.same([a.dropped, b.dropped, c.dropped], [0, 1, 1])
})

t.test('a pool of one asks the same target again, on a new connection, three times at the most', async t => {
  const game = play({}, { ...NO_BUDGET, retries: 1 })
  const { a, exchange, listener } = game
  game.available = [a]
  exchange.start()
  for (let sent = 1; sent <= 4; sent++) {
    t.equal(a.sends.length, sent)
    t.equal(a.dropped, sent - 1)
    stale(a.sends[sent - 1] as Send)
    await turn()
  }
  t.equal(a.sends.length, 4)
  t.match(listener.errors, [{ code: 'FST_BALANCER_FAILED' }])
  t.same(faults(game), [0, 0, 0])
})

t.test('a POST is not sent again, and its target is not blamed', async t => {
  const game = play({ method: 'POST', body: 'x' }, NO_BUDGET)
  const { a, b, exchange, listener } = game
  exchange.start()
  stale(a.sent)
  await turn()
  t.match(listener.errors, [{ code: 'FST_BALANCER_FAILED', statusCode: 502 }])
  t.same([a.sends.length, b.sends.length], [1, 0])
  t.same(faults(game), [0, 0, 0])
})

t.test('retries: 0 holds', async t => {
  const { a, b, exchange, listener } = play({}, { ...NO_BUDGET, retries: 0 })
  exchange.start()
  stale(a.sent)
  await turn()
  t.equal(listener.errors.length, 1)
  t.same([a.sends.length, b.sends.length], [1, 0])
})

t.test('a fresh connection that is lost, and a stale one on which something else goes wrong, are failures', async t => {
  for (const [code, isStale] of [['ECONNRESET', false], ['UND_ERR_HEADERS_TIMEOUT', true], ['HPE_INVALID_CONSTANT', true]] as const) {
    const game = play()
    const { a, b, exchange } = game
    exchange.start()
    stale(a.sent, code, isStale)
    await turn()
    t.equal(b.dropped, 0, code)
    t.same(faults(game), [1, 0, 0], code)
  }
})
