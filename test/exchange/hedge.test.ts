import t from 'tap'
import { RetryBudget } from '../../lib/budget.js'
import type { ExchangeOptions } from '../../lib/exchange.js'
import type { Hedge } from '../../lib/hedge.js'
import { play, type Play, type PlaySettings, type Send } from './scripted.js'

const AFTER_100: Hedge = { delay: () => 100, answered () {} }

/** A request that has been on the wire for 100 ms, when it is time for a hedge. */
async function slow (options: Partial<ExchangeOptions> = {}, settings: PlaySettings = {}): Promise<Play> {
  const game = play(options, { hedge: AFTER_100, ...settings })
  game.exchange.start()
  game.a.sent.connect()
  await game.clock.advance(99)
  t.equal(game.b.sends.length, 0, 'not before its time')
  await game.clock.advance(1)
  return game
}

function answer (send: Send, status = 200): void {
  send.head(status, { 'content-length': '1' })
  send.handler.onData(Buffer.from('x'))
  send.handler.onComplete([])
}

t.test('a second target is asked when the delay is over, and no third', async t => {
  const { a, b, c, clock } = await slow()
  t.equal(b.sends.length, 1)
  t.same(a.sent.aborted, [])
  await clock.advance(10_000)
  t.equal(c.sends.length, 0)
})

for (const [name, first] of [['the first', true], ['the second', false]] as const) {
  for (const whole of [true, false]) {
    t.test(`${whole ? 'a small' : 'a streamed'} answer of ${name} is passed on, the other is cancelled and not blamed`, async t => {
      const { a, b, clock, listener, outcomes } = await slow()
      b.sent.connect()
      const [winner, loser] = first ? [a, b] : [b, a]
      if (whole) {
        answer(winner.sent)
      } else {
        winner.sent.head(200)
        t.equal(loser.sent.aborted.length, 1, 'with the headers')
        winner.sent.handler.onData(Buffer.from('x'))
        winner.sent.handler.onComplete([])
      }
      t.equal(loser.sent.aborted.length, 1)
      loser.sent.handler.onError(loser.sent.aborted[0] as Error)
      t.same(listener.calls, ['connect', 'headers 200', 'data x', 'complete'])
      t.same(outcomes.map(({ kind }) => kind).sort(), ['aborted', 'answered'])
      t.same([a, b].map(target => [target.inFlight, target.snapshot().counters.faults]), [[0, 0], [0, 0]])
      t.equal(clock.pending, 0)
    })
  }
}

t.test('a loser that still waits for its connection does not use it', async t => {
  const { a, b } = await slow()
  answer(a.sent)
  t.throws(() => { b.sent.connect() }, 'given up')
})

t.test('only what may be repeated is hedged', async t => {
  for (const [options, hedged] of [
    [{ method: 'POST' }, 0], [{ method: 'PATCH', body: 'x' }, 0], [{ method: 'DELETE' }, 1], [{ method: 'PUT', body: 'x' }, 1],
    [{ method: 'POST', headers: { 'idempotency-key': 'a' } }, 1], [{ headers: { accept: 'text/event-stream' } }, 0]
  ] as ReadonlyArray<[Partial<ExchangeOptions>, number]>) {
    const { b } = await slow(options)
    t.equal(b.sends.length, hedged, JSON.stringify(options))
  }
})

t.test('once the headers of an answer have come there is no hedge', async t => {
  for (const length of [{}, { 'content-length': '3' }] as Array<Record<string, string>>) {
    const { a, b, exchange, clock, listener } = play({}, { hedge: AFTER_100 })
    exchange.start()
    a.sent.connect()
    a.sent.head(200, length)
    await clock.advance(1000)
    t.equal(b.sends.length, 0)
    t.same(listener.errors, [])
  }
})

t.test('there is none while the first attempt has failed and the next one waits', async t => {
  const { a, b, exchange, clock } = play({}, { hedge: AFTER_100, retry: { backoff: { base: 1e9, max: 1e9 } } })
  exchange.start()
  a.sent.connect()
  a.sent.handler.onError(new Error('reset'))
  await clock.advance(100)
  t.equal(b.sends.length, 0)
})

t.test('retries: 0 still hedges', async t => {
  const { b, listener } = await slow({}, { retries: 0 })
  b.sent.connect()
  answer(b.sent)
  t.same(listener.calls, ['connect', 'headers 200', 'data x', 'complete'])
})

t.test('without a second target there is no hedge, and it costs nothing', async t => {
  let budget: RetryBudget | undefined
  const game = play({}, {
    hedge: AFTER_100,
    retry: clock => {
      budget = new RetryBudget(clock, { share: 0, floor: 1, window: 1000 })
      return { budget }
    }
  })
  game.available = [game.a]
  game.exchange.start()
  await game.clock.advance(1000)
  t.equal(game.a.sends.length, 1)
  t.equal(budget?.left, 1)
})

t.test('each is paid for from the budget, and there is none when it is spent', async t => {
  for (const floor of [0, 1]) {
    let budget: RetryBudget | undefined
    const { b } = await slow({}, {
      retry: clock => {
        budget = new RetryBudget(clock, { share: 0, floor, window: 1000 })
        return { budget }
      }
    })
    t.equal(b.sends.length, floor)
    t.equal(budget?.left, 0)
  }
})
