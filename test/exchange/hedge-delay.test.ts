import { PassThrough } from 'node:stream'
import t from 'tap'
import { hedging, type Hedge } from '../../lib/hedge.js'
import { VirtualClock } from '../kit/clock.js'
import { play, turn } from './scripted.js'

t.test('a fixed delay is known from the start and does not change', async t => {
  const hedge = hedging(new VirtualClock(), { delay: 20 })
  t.equal(hedge.delay(), 20)
  hedge.answered(5000)
  t.equal(hedge.delay(), 20)
})

t.test('a percentile needs a hundred answers of the last half minute', async t => {
  const clock = new VirtualClock()
  const hedge = hedging(clock, { percentile: 0.9 })
  for (let ms = 1; ms < 100; ms++) hedge.answered(ms)
  t.equal(hedge.delay(), undefined)
  hedge.answered(100)
  t.ok(Math.abs((hedge.delay() ?? 0) - 90) < 90 * 0.06, `${hedge.delay()} ms`)
  await clock.advance(30_000)
  t.equal(hedge.delay(), undefined)
})

t.test('while the delay can not be told there is no hedge', async t => {
  const { b, exchange, clock } = play({}, { hedge: { delay: () => undefined, answered () {} } })
  exchange.start()
  t.equal(clock.pending, 0)
  await clock.advance(100_000)
  t.equal(b.sends.length, 0)
})

t.test('what a cancelled attempt has taken so far counts as well, so that the delay does not creep down', async t => {
  const taken: number[] = []
  const hedge: Hedge = { delay: () => 100, answered: ms => { taken.push(ms) } }
  const { a, b, exchange, clock } = play({}, { hedge })
  exchange.start()
  a.sent.connect()
  await clock.advance(100)
  b.sent.connect()
  await clock.advance(7)
  b.sent.head(200, { 'content-length': '0' })
  b.sent.handler.onComplete([])
  t.same(taken, [107], 'at least')
})

for (const [what, size, hedged] of [['is at hand whole', 5, true], ['is too long to be kept', 50, false]] as const) {
  t.test(`a streamed body that ${what} ${hedged ? 'goes to both' : 'is sent once'}`, async t => {
    const body = new PassThrough()
    const { a, b, exchange, clock } = play({ method: 'PUT', body }, { hedge: { delay: () => 100, answered () {} }, replayBytes: 10 })
    exchange.start()
    a.sent.connect()
    const first: Buffer[] = [];
    (a.sent.options.body as PassThrough).on('data', (chunk: Buffer) => { first.push(chunk) })
    body.end('x'.repeat(size))
    await turn()
    await clock.advance(100)
    t.equal(b.sends.length, hedged ? 1 : 0)
    t.equal(Buffer.concat(first).length, size)
    if (!hedged) return
    const second: Buffer[] = []
    for await (const chunk of b.sent.options.body as PassThrough) second.push(chunk as Buffer)
    t.equal(Buffer.concat(second).toString(), 'x'.repeat(size))
  })
}

t.test('a body that is still coming when the delay is over is sent once', async t => {
  const body = new PassThrough()
  const { a, b, exchange, clock } = play({ method: 'PUT', body }, { hedge: { delay: () => 100, answered () {} } })
  exchange.start()
  a.sent.connect();
  (a.sent.options.body as PassThrough).resume()
  body.write('x')
  await turn()
  await clock.advance(1000)
  t.equal(b.sends.length, 0)
})
