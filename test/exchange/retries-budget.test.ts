import t from 'tap'
import { RetryBudget } from '../../lib/budget.js'
import type { VirtualClock } from '../kit/clock.js'
import { play, turn, type Play, type PlaySettings, type Send } from './scripted.js'

/** A budget with so many withdrawals in it, which nobody pays into. */
function holding (floor: number): PlaySettings & { budget: () => RetryBudget } {
  let budget: RetryBudget | undefined
  return {
    retry: (clock: VirtualClock) => {
      budget = new RetryBudget(clock, { share: 0, floor, window: 1000 })
      return { budget, backoff: { base: 100, max: 100 } }
    },
    budget: () => budget as RetryBudget
  }
}

function busy (send: Send): void {
  send.connect()
  send.head(503, { 'content-length': '0' })
  send.handler.onComplete([])
}

function reset (send: Send): void {
  send.connect()
  send.handler.onError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
}

function played ({ budget, ...settings }: ReturnType<typeof holding>): Play {
  return play({}, settings)
}

for (const [what, end] of Object.entries({ busy, reset })) {
  t.test(`${what}: a further attempt is paid for when it is decided on, not when its wait is over`, async t => {
    const settings = holding(3)
    const { a, b, clock, exchange } = played(settings)
    exchange.start()
    t.equal(settings.budget().left, 3)
    end(a.sent)
    t.equal(settings.budget().left, 2)
    await clock.advance(100)
    t.equal(b.sends.length, 1)
    t.equal(settings.budget().left, 2)
  })
}

t.test('when the budget is spent the answer that came is passed on, at once', async t => {
  const { a, b, exchange, listener, clock } = played(holding(0))
  exchange.start()
  busy(a.sent)
  t.same(listener.calls, ['connect', 'headers 503', 'complete'])
  t.equal(clock.pending, 0)
  await turn()
  t.equal(b.sends.length, 0)
})

t.test('when the budget is spent a streamed 503 is passed on with its body', async t => {
  const { a, exchange, listener } = played(holding(0))
  exchange.start()
  a.sent.connect()
  a.sent.head(503)
  a.sent.handler.onData(Buffer.from('why'))
  a.sent.handler.onComplete([])
  t.same(a.sent.aborted, [])
  t.same(listener.calls, ['connect', 'headers 503', 'data why', 'complete'])
})

t.test('when the budget is spent a failure stands', async t => {
  const { a, b, exchange, listener } = played(holding(0))
  exchange.start()
  reset(a.sent)
  await turn()
  t.match(listener.errors, [{ code: 'FST_BALANCER_FAILED' }])
  t.equal(b.sends.length, 0)
})

t.test('what was never sent goes on without a budget', async t => {
  const { a, b, c, exchange } = played(holding(0))
  exchange.start()
  a.sent.handler.onError(new Error('refused'))
  await turn()
  b.sent.handler.onError(new Error('refused'))
  await turn()
  t.equal(c.sends.length, 1)
})

t.test('an attempt that the rule, the limit, the deadline or the lack of targets forbids costs nothing', async t => {
  const forbidding: Array<(settings: PlaySettings) => Play> = [
    settings => play({ method: 'POST' }, settings),
    settings => play({}, { ...settings, retries: 0 }),
    settings => play({ timeout: 1 }, settings),
    settings => {
      const game = play({}, settings)
      game.available = [game.a]
      return game
    }
  ]
  for (const forbid of forbidding) {
    const { budget, ...settings } = holding(3)
    const { a, exchange } = forbid(settings)
    exchange.start()
    busy(a.sent)
    t.equal(budget().left, 3)
  }
})

t.test('each request pays in once, whatever becomes of it', async t => {
  let deposits = 0
  const budget = { deposit () { deposits++ }, withdraw: () => true, left: 1 } as unknown as RetryBudget
  const { a, b, exchange } = play({}, { retry: { budget } })
  exchange.start()
  busy(a.sent)
  await turn()
  busy(b.sent)
  await turn()
  t.equal(deposits, 1)
})
