import t from 'tap'
import { RetryBudget } from '../../lib/budget.js'
import { explainText, type Explanation, type StepExplanation } from '../../lib/explanation.js'
import type { ExchangeOptions } from '../../lib/exchange.js'
import { Recorder } from '../../lib/recorder.js'
import { safeRetry } from '../../lib/retry.js'
import { play, turn, type PlaySettings, type Play } from '../exchange/scripted.js'

/** An exchange with a recorder, whose clock is the exchange's own once it runs. */
function recorded (options: Partial<ExchangeOptions> = {}, settings: PlaySettings = {}): Play & { explanation: () => Explanation, steps: () => string[], recorder: Recorder } {
  let now = (): number => 0
  const recorder = new Recorder({ clock: { now: () => now(), wall: () => now(), random: () => 0, after: () => () => {} }, pool: 'users', policy: 'first', rule: settings.rule ?? safeRetry }, options.method ?? 'GET', '/a?token=secret')
  const played = play({ trace: recorder, ...options }, settings)
  now = () => played.clock.now()
  return Object.assign(played, { recorder, explanation: () => recorder.explanation, steps: () => recorder.explanation.steps.map(short) })
}

function short (step: StepExplanation): string {
  switch (step.step) {
    case 'attempt': return `${step.number} ${step.why} ${step.target.slice(7, 8)} ${step.outrun === true ? 'outrun' : step.outcome ?? 'under way'}${step.status === undefined ? '' : ` ${step.status}`}`
    case 'decision': return `${step.after.slice(7, 8)}: ${step.decision}`
    case 'no_hedge': return `no hedge: ${step.reason}`
    case 'pick': return 'pick'
  }
}

t.test('an answer is passed on, with the times of its attempt', async t => {
  const { exchange, a, clock, explanation } = recorded()
  exchange.start()
  await clock.advance(5)
  a.sent.connect()
  await clock.advance(20)
  a.sent.head(200, { 'content-length': '0' })
  await clock.advance(10)
  a.sent.handler.onComplete([])
  t.same(explanation(), {
    pool: 'users',
    policy: 'first',
    method: 'GET',
    path: '/a',
    keyed: false,
    supposed: false,
    began: 0,
    ms: 35,
    queued: 0,
    steps: [
      { step: 'attempt', at: 0, number: 1, why: 'first', target: 'http://a.test', sent: 5, head: 25, status: 200, end: 35, outcome: 'answered' },
      { step: 'decision', at: 35, after: 'http://a.test', decision: 'pass_on' }
    ],
    result: { status: 200 }
  })
  t.equal(explainText(explanation()), [
    'GET /a went to the pool users, policy first: it took 35 ms, with 1 attempt, answered with 200.',
    'Attempt 1, http://a.test: answered with 200 after 35 ms; on the wire after 5 ms, response headers after 25 ms.',
    'At 35 ms, after http://a.test: its answer is passed on.'
  ].join('\n'))
})

t.test('moved on, because it was never sent, or failed', async t => {
  const { exchange, a, b, c, steps, explanation } = recorded()
  exchange.start()
  a.sent.handler.onError(Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:1'), { code: 'ECONNREFUSED' }))
  await turn()
  b.sent.connect()
  b.sent.handler.onError(new Error('reset\r\nby ü peer'))
  await turn()
  c.sent.connect()
  c.sent.head(503, { 'content-length': '0' })
  c.sent.handler.onComplete([])
  t.same(steps(), ['1 first a unsent', 'a: move_on', '2 retry b failed', 'b: move_on', '3 retry c answered 503', 'c: max_reached'])
  t.match(explanation().steps[0], { error: 'ECONNREFUSED', sent: undefined })
  t.match(explanation().result, { status: 503, code: undefined })
})

const fail = async ({ exchange, a }: Play): Promise<void> => {
  exchange.start()
  a.sent.connect()
  a.sent.handler.onError(new Error('reset'))
  await turn()
}

const STOPS: ReadonlyArray<readonly [string, Partial<ExchangeOptions>, PlaySettings]> = [
  ['not_idempotent', { method: 'POST' }, {}],
  ['max_reached', {}, { retries: 0 }],
  ['budget_spent', {}, { retry: clock => ({ budget: new RetryBudget(clock, { share: 0, floor: 0, window: 1000 }) }) }],
  ['rule', {}, { rule: () => false }],
  ['deadline', { timeout: 10 }, { retry: () => ({ backoff: { base: 1000, max: 1000 } }) }]
]

for (const [decision, options, settings] of STOPS) {
  t.test(`stopped: ${decision}`, async t => {
    const played = recorded(options, settings)
    await fail(played)
    t.same(played.steps(), ['1 first a failed', `a: ${decision}`])
    t.match(played.explanation().result, { status: 502, code: 'FST_BALANCER_FAILED' })
    t.match(explainText(played.explanation()), /stopped, since .+\.\nThe client got a 502 \(FST_BALANCER_FAILED\)\./)
  })
}

t.test('stopped: no one is left, the body is gone, a part was passed on, the client has gone', async t => {
  const alone = recorded()
  alone.available.length = 1
  await fail(alone)
  t.same(alone.steps(), ['1 first a failed', 'a: no_one_left'])

  const { Readable } = await import('node:stream')
  const body = Readable.from([Buffer.alloc(100)])
  const streamed = recorded({ method: 'PUT', body })
  streamed.exchange.start()
  streamed.a.sent.connect()
  await (streamed.a.sent.options.body as import('node:stream').Readable).toArray()
  streamed.a.sent.handler.onError(new Error('reset'))
  t.same(streamed.steps(), ['1 first a failed', 'a: body_gone'])

  const broken = recorded()
  broken.exchange.start()
  broken.a.sent.connect()
  broken.a.sent.head(200)
  broken.a.sent.handler.onError(new Error('reset'))
  t.same(broken.steps(), ['1 first a broken 200', 'a: pass_on'])
  t.match(broken.explanation().result, { code: 'FST_BALANCER_BROKEN' })

  const gone = recorded()
  gone.exchange.start()
  gone.exchange.abort()
  t.same(gone.steps(), ['1 first a aborted'])
  t.match(gone.explanation().result, { code: String })
})

t.test('a stale connection, and the same target after its Retry-After', async t => {
  const { exchange, a, b, clock, steps, available } = recorded({}, { retry: () => ({ retryAfter: 5000 }) })
  available.length = 1
  exchange.start()
  a.sends[0]?.connect()
  a.sends[0]?.head(503, { 'retry-after': '1', 'content-length': '0' })
  a.sends[0]?.handler.onComplete([])
  await clock.advance(1000)
  a.sends[1]?.connect()
  a.sends[1]?.head(200, { 'content-length': '0' })
  a.sends[1]?.handler.onComplete([])
  t.same(steps(), ['1 first a answered 503', 'a: move_on', '2 spare a answered 200', 'a: pass_on'])
  t.equal(b.sends.length, 0)
})

t.test('hedges: the slower one is outrun, and one that is not sent says why', async t => {
  const { exchange, a, b, clock, steps } = recorded({}, { hedge: { delay: () => 50, answered () {} } })
  exchange.start()
  a.sent.connect()
  await clock.advance(50)
  b.sent.connect()
  b.sent.head(200, { 'content-length': '0' })
  b.sent.handler.onComplete([])
  t.same(steps(), ['1 first a outrun', '2 hedge b answered 200', 'b: pass_on'])

  const alone = recorded({}, { hedge: { delay: () => 50, answered () {} } })
  alone.available.length = 1
  alone.exchange.start()
  await alone.clock.advance(50)
  t.same(alone.steps(), ['1 first a under way', 'no hedge: no_one_left'])
  t.match(explainText(alone.explanation()), /At 50 ms a hedge was due, and none was sent: there is no other target to ask\./)

  const waits = recorded({}, { hedge: { delay: () => 50, answered () {} } })
  waits.exchange.start()
  waits.a.sent.connect()
  await waits.clock.advance(50)
  waits.a.sent.handler.onError(new Error('reset'))
  t.same(waits.steps(), ['1 first a failed', '2 hedge b under way', 'a: wait_for_other'])
})
