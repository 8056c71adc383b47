import { PassThrough } from 'node:stream'
import t from 'tap'
import type { AttemptRecord } from '../../lib/index.js'
import { retryRule } from '../../lib/retry.js'
import { play, turn, type Play, type Send } from './scripted.js'

const RESET = Object.assign(new Error('reset'), { code: 'ECONNRESET' })

/** Every way in which an attempt may end that makes the safe rule try another target for a GET. */
const ENDS: Record<string, (send: Send) => void> = {
  refused: send => { send.handler.onError(new Error('refused')) },
  reset: send => {
    send.connect()
    send.handler.onError(RESET)
  },
  503: send => { answer(send, 503) }
}

function answer (send: Send, status: number): void {
  send.connect()
  send.head(status, { 'content-length': '0' })
  send.handler.onComplete([])
}

/** Plays the same end for every attempt that is made. @returns how many attempts there were */
async function sentBy ({ exchange, a, b, c }: Play, end: (send: Send) => void): Promise<number> {
  exchange.start()
  for (const target of [a, b, c]) {
    for (const send of target.sends) end(send)
    await turn()
  }
  return a.sends.length + b.sends.length + c.sends.length
}

for (const [what, end] of Object.entries(ENDS)) {
  for (const [retries, attempts] of [[0, 1], [1, 2], [2, 3], [9, 3]] as const) {
    t.test(`${what}: retries ${retries} make ${attempts} attempts at three targets`, async t => {
      const game = play({}, { retries })
      t.equal(await sentBy(game, end), attempts)
      t.equal(game.listener.calls.length > 1, true, 'there was an end')
      t.equal(game.clock.pending, 0)
    })
  }
}

t.test('statuses name the answers that move on, and no others do', async t => {
  for (const [status, attempts] of [[500, 3], [429, 3], [503, 1], [502, 1], [200, 1]] as const) {
    const game = play({}, { rule: retryRule(['GET'], [500, 429]) })
    t.equal(await sentBy(game, send => { answer(send, status) }), attempts, String(status))
    t.same(game.listener.calls, ['connect', `headers ${status}`, 'complete'])
  }
})

t.test('methods name what may be repeated, and an Idempotency-Key stands for any other', async t => {
  const rule = retryRule(['PATCH'], [503])
  for (const [method, headers, attempts] of [
    ['PATCH', {}, 3], ['GET', {}, 1], ['POST', {}, 1], ['POST', { 'IDEMPOTENCY-key': 'a' }, 3], ['POST', ['Idempotency-Key', 'b'], 3]
  ] as const) {
    const game = play({ method, headers: headers as Record<string, string> }, { rule })
    t.equal(await sentBy(game, send => { answer(send, 503) }), attempts, `${method} ${JSON.stringify(headers)}`)
  }
})

t.test('with a body that is not at hand any more nothing is repeated, whatever the rule says', async t => {
  const attempts: AttemptRecord[] = []
  const body = new PassThrough()
  const { a, b, exchange, listener } = play({ method: 'PUT', body, attempts }, { rule: () => true, replayBytes: 10 })
  exchange.start()
  a.sent.connect()
  // As undici does when it has a connection.
  const sent = a.sent.options.body as PassThrough
  sent.resume()
  body.write('more than ten bytes')
  await turn()
  a.sent.handler.onError(RESET)
  await turn()
  t.equal(b.sends.length, 0)
  t.match(listener.errors, [{ code: 'FST_BALANCER_FAILED', cause: RESET }])
  t.same(attempts.map(({ outcome }) => outcome), ['failed'])
})

for (const [what, end] of Object.entries(ENDS)) {
  t.test(`a rule that throws after ${what} fails the request with its own error`, async t => {
    const error = new Error('mine')
    const game = play({}, { rule: () => { throw error } })
    t.equal(await sentBy(game, end), 1)
    t.same(game.listener.errors, [error])
    t.same(game.listener.calls, ['connect', 'error'])
    t.equal(game.a.inFlight, 0)
    t.equal(game.clock.pending, 0)
  })
}
