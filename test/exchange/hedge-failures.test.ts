import t from 'tap'
import type { ExchangeOptions } from '../../lib/exchange.js'
import { NoTargetError } from '../../lib/errors.js'
import { play, turn, type Play, type PlaySettings, type Send } from './scripted.js'

/** A request with two attempts on the wire. */
async function hedged (options: Partial<ExchangeOptions> = {}, settings: PlaySettings = {}): Promise<Play> {
  const game = play(options, { hedge: { delay: () => 100, answered () {} }, ...settings })
  game.exchange.start()
  game.a.sent.connect()
  await game.clock.advance(100)
  game.b.sent.connect()
  return game
}

function answer (send: Send, status = 200): void {
  send.head(status, { 'content-length': '0' })
  send.handler.onComplete([])
}

function reset (send: Send): void {
  send.handler.onError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
}

t.test('a 503 of either one is not passed on while the other still runs', async t => {
  for (const [first, second] of [['a', 'b'], ['b', 'a']] as const) {
    for (const length of ['0', undefined]) {
      const game = await hedged()
      const send = game[first].sent
      send.head(503, length === undefined ? {} : { 'content-length': length })
      if (length !== undefined) send.handler.onComplete([])
      await turn()
      t.same(game.listener.calls, ['connect'])
      t.equal(game.c.sends.length, 0, 'one at a time is enough')
      answer(game[second].sent)
      t.same(game.listener.calls, ['connect', 'headers 200', 'complete'])
    }
  }
})

t.test('an answer that nobody would retry is passed on, whoever gives it', async t => {
  const { a, b, listener } = await hedged()
  answer(b.sent, 500)
  t.same(listener.calls, ['connect', 'headers 500', 'complete'])
  t.equal(a.sent.aborted.length, 1)
})

t.test('when one fails the other goes on', async t => {
  for (const [first, second] of [['a', 'b'], ['b', 'a']] as const) {
    const game = await hedged()
    reset(game[first].sent)
    await turn()
    t.equal(game.c.sends.length, 0)
    answer(game[second].sent)
    t.same(game.listener.calls, ['connect', 'headers 200', 'complete'])
    t.equal(game[first].snapshot().counters.faults, 1)
  }
})

t.test('when both fail the third target is asked', async t => {
  const { a, b, c, listener } = await hedged()
  reset(b.sent)
  reset(a.sent)
  await turn()
  c.sent.connect()
  answer(c.sent)
  t.same(listener.calls, ['connect', 'headers 200', 'complete'])
})

t.test('when both fail and there is no further attempt the request fails once', async t => {
  const { a, b, c, listener, clock } = await hedged({}, { retries: 0 })
  reset(a.sent)
  reset(b.sent)
  await turn()
  t.equal(c.sends.length, 0)
  t.match(listener.errors, [{ code: 'FST_BALANCER_FAILED' }])
  t.same([a.inFlight, b.inFlight, clock.pending], [0, 0, 0])
})

t.test('when both answer 503 the last one is passed on if there is nobody else', async t => {
  const game = await hedged()
  game.available = [game.a, game.b]
  answer(game.b.sent, 503)
  answer(game.a.sent, 503)
  t.same(game.listener.calls, ['connect', 'headers 503', 'complete'])
})

t.test('a client that leaves cancels both, and blames neither', async t => {
  const { a, b, listener, outcomes, clock } = await hedged({}, { try: 5000, headers: 5000, total: 5000 })
  a.sent.handler.onRequestSent?.()
  listener.abort(new Error('gone'))
  t.same([a.sent.aborted.length, b.sent.aborted.length], [1, 1])
  t.same(outcomes.map(({ kind }) => kind), ['aborted', 'aborted'])
  t.same([a, b].map(target => [target.inFlight, target.snapshot().counters.faults]), [[0, 0], [0, 0]])
  t.equal(clock.pending, 0)
  t.equal(listener.errors.length, 1)
})

t.test('a policy that fails when it is asked for a second target does not harm the first', async t => {
  const game = play({}, { hedge: { delay: () => 100, answered () {} } })
  let asked = 0
  const failing = play({}, {
    hedge: { delay: () => 100, answered () {} },
    selection: {
      choose: () => {
        if (asked++ > 0) throw NoTargetError()
        return game.a
      },
      hasUntried: () => true
    }
  })
  failing.exchange.start()
  game.a.sent.connect()
  await failing.clock.advance(100)
  t.equal(asked, 2)
  answer(game.a.sent)
  t.same(failing.listener.calls, ['connect', 'headers 200', 'complete'])
})
