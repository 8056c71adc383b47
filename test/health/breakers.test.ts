import t from 'tap'
import { consecutiveFaults, eitherOf, failureRate, faultRule, type Breaker } from '../../lib/health/passive.js'
import { isFault, type Outcome } from '../../lib/outcome.js'
import { VirtualClock } from '../kit/clock.js'

const error = new Error('x')
const well: Outcome = { kind: 'answered', status: 200, latency: 1 }
const bad: Outcome = { kind: 'answered', status: 500, latency: 1 }
const failed: Outcome = { kind: 'failed', error }
const aborted: Outcome = { kind: 'aborted', error }
const stale: Outcome = { kind: 'failed', error, stale: true }

const halfOfTwenty = { share: 0.5, requests: 20, window: 10_000 }

function record (breaker: Breaker, outcome: Outcome, times: number): boolean[] {
  return Array.from({ length: times }, () => breaker.record(outcome))
}

t.test('faults in a row eject at the limit, of whatever kind they are', async t => {
  const breaker = consecutiveFaults(5, isFault)(new VirtualClock())
  t.strictSame([bad, failed, { kind: 'unsent', error } as const, { kind: 'broken', error } as const, bad].map(outcome => breaker.record(outcome)), [false, false, false, false, true])
})

t.test('past the limit every fault says so again', async t => {
  const breaker = consecutiveFaults(2, isFault)(new VirtualClock())
  t.strictSame(record(breaker, failed, 4), [false, true, true, true])
  t.equal(breaker.record(well), false)
  t.equal(breaker.record(failed), false)
})

t.test('a limit of one ejects at once', async t => {
  t.equal(consecutiveFaults(1, isFault)(new VirtualClock()).record(failed), true)
})

t.test('a good answer starts the count anew', async t => {
  const breaker = consecutiveFaults(3, isFault)(new VirtualClock())
  for (let i = 0; i < 10; i++) {
    t.strictSame(record(breaker, failed, 2), [false, false])
    t.equal(breaker.record({ kind: 'answered', status: 404, latency: 1 }), false)
  }
})

t.test('neither a client that left nor a stale connection changes the count', async t => {
  const breaker = consecutiveFaults(3, isFault)(new VirtualClock())
  record(breaker, failed, 2)
  t.equal(breaker.record(aborted), false)
  t.equal(breaker.record(stale), false)
  t.equal(breaker.record(failed), true)
  t.equal(breaker.record(aborted), false, 'nor does it eject')
})

t.test('after a reset the count begins again', async t => {
  const breaker = consecutiveFaults(3, isFault)(new VirtualClock())
  t.strictSame(record(breaker, failed, 3), [false, false, true])
  breaker.reset()
  t.strictSame(record(breaker, failed, 3), [false, false, true])
})

t.test('targets do not share a count', async t => {
  const factory = consecutiveFaults(2, isFault)
  const one = factory(new VirtualClock())
  const other = factory(new VirtualClock())
  t.equal(one.record(failed), false)
  t.equal(other.record(failed), false)
  t.equal(one.record(failed), true)
})

for (const p of [0.5, 0.9]) {
  const expected = (1 - p ** 5) / ((1 - p) * p ** 5)
  t.test(`with ${100 * p} % faults it takes ${expected.toFixed(1)} requests on average to see five in a row`, async t => {
    const clock = new VirtualClock(7)
    const breaker = consecutiveFaults(5, isFault)(clock)
    const rounds = 4000
    let requests = 0
    for (let i = 0; i < rounds; i++) {
      do requests++; while (!breaker.record(clock.random() < p ? failed : well))
      breaker.reset()
    }
    t.ok(Math.abs(requests / rounds / expected - 1) < 0.1, String(requests / rounds))
  })
}

t.test('every other request that fails is seen by the rate and not by the count', async t => {
  const rate = failureRate(halfOfTwenty, isFault)(new VirtualClock())
  const count = consecutiveFaults(5, isFault)(new VirtualClock())
  const verdicts: boolean[] = []
  for (let i = 0; i < 20; i++) {
    const outcome = i % 2 === 0 ? well : failed
    t.equal(count.record(outcome), false)
    verdicts.push(rate.record(outcome))
  }
  t.strictSame(verdicts, [...Array<boolean>(19).fill(false), true])
})

t.test('the rate waits for enough requests', async t => {
  const breaker = failureRate(halfOfTwenty, isFault)(new VirtualClock())
  t.strictSame(record(breaker, failed, 20), [...Array<boolean>(19).fill(false), true])
})

t.test('a rate below the share ejects nobody', async t => {
  const breaker = failureRate(halfOfTwenty, isFault)(new VirtualClock())
  record(breaker, well, 51)
  t.notOk(record(breaker, failed, 50).includes(true), '50 of 101')
  t.equal(breaker.record(failed), true, '51 of 102')
})

t.test('only a fault ejects', async t => {
  const breaker = failureRate(halfOfTwenty, isFault)(new VirtualClock())
  record(breaker, failed, 19)
  t.equal(breaker.record(well), false, 'the twentieth request, and 95 % are faults')
  t.equal(breaker.record(failed), true)
})

t.test('neither clients that left nor stale connections are among the requests', async t => {
  const breaker = failureRate(halfOfTwenty, isFault)(new VirtualClock())
  record(breaker, failed, 10)
  t.notOk(record(breaker, aborted, 100).includes(true))
  t.notOk(record(breaker, stale, 100).includes(true))
  t.notOk(record(breaker, failed, 9).includes(true), 'not enough of them yet')
  t.equal(breaker.record(failed), true, 'all of twenty')
})

t.test('what is older than the window is not among the requests', async t => {
  const clock = new VirtualClock()
  const breaker = failureRate(halfOfTwenty, isFault)(clock)
  record(breaker, failed, 19)
  await clock.advance(10_000)
  t.equal(breaker.record(failed), false)
  record(breaker, well, 1000)
  await clock.advance(10_000)
  t.strictSame(record(breaker, failed, 20).at(-1), true, 'old successes are no excuse')
})

t.test('after a reset the rate begins again', async t => {
  const breaker = failureRate(halfOfTwenty, isFault)(new VirtualClock())
  record(breaker, failed, 20)
  breaker.reset()
  t.strictSame(record(breaker, failed, 20), [...Array<boolean>(19).fill(false), true])
})

t.test('a share that has no exact binary fraction is met exactly', async t => {
  const breaker = failureRate({ share: 0.07, requests: 100, window: 10_000 }, isFault)(new VirtualClock())
  record(breaker, well, 93)
  t.equal(record(breaker, failed, 7).at(-1), true)
})

t.test('either of several breakers ejects, and all of them are told of everything', async t => {
  const factory = eitherOf(consecutiveFaults(5, isFault), failureRate(halfOfTwenty, isFault))
  const inRow = factory(new VirtualClock())
  t.strictSame(record(inRow, failed, 5), [false, false, false, false, true])
  t.equal(record(inRow, well, 15).includes(true), false)
  t.notOk(record(inRow, failed, 4).includes(true))
  const partial = factory(new VirtualClock())
  let ejected = false
  for (let i = 0; i < 20; i++) ejected = partial.record(i % 2 === 0 ? well : failed)
  t.equal(ejected, true)
})

t.test('a reset reaches every one of several breakers', async t => {
  const breaker = eitherOf(consecutiveFaults(5, isFault), failureRate({ ...halfOfTwenty, requests: 4 }, isFault))(new VirtualClock())
  t.strictSame(record(breaker, failed, 4), [false, false, false, true])
  breaker.reset()
  t.strictSame(record(breaker, failed, 5), [false, false, false, true, true])
})

t.test('nothing but what is listed is a fault', async t => {
  const rule = faultRule(['unsent', 429, '500-502', 599])
  const answer = (status: number): boolean => rule({ kind: 'answered', status, latency: 1 })
  t.strictSame([428, 429, 430, 499, 500, 501, 502, 503, 598, 599].map(answer), [false, true, false, false, true, true, true, false, false, true])
  t.equal(rule({ kind: 'unsent', error }), true)
  t.equal(rule({ kind: 'failed', error }), false)
  t.equal(rule({ kind: 'broken', error }), false)
  t.equal(rule(aborted), false)
})

t.test('every kind of fault can be listed', async t => {
  const rule = faultRule(['failed', 'broken'])
  t.equal(rule({ kind: 'unsent', error }), false)
  t.equal(rule({ kind: 'failed', error }), true)
  t.equal(rule({ kind: 'failed', error, stale: false }), true)
  t.equal(rule({ kind: 'broken', error }), true)
  t.equal(rule({ kind: 'answered', status: 500, latency: 1 }), false)
})

t.test('a connection that turned out to be stale is never a fault', async t => {
  t.equal(faultRule(['unsent', 'failed', 'broken', '100-599'])(stale), false)
})

t.test('with an empty list nothing is a fault', async t => {
  const rule = faultRule([])
  for (const outcome of [well, bad, failed, aborted, stale, { kind: 'unsent', error } as const, { kind: 'broken', error } as const]) t.equal(rule(outcome), false)
})

t.test('hedges that were faster, as many in a row, are told from a client that left', async t => {
  const breaker = consecutiveFaults(3, faultRule(['unsent', 'failed', 'broken']))(new VirtualClock())
  const outrun: Outcome = { kind: 'aborted', error: new Error('outrun'), outrun: true }
  const left: Outcome = { kind: 'aborted', error: new Error('left') }
  t.same([outrun, left, outrun, left, left].map(outcome => breaker.record(outcome)), [false, false, false, false, false])
  t.equal(breaker.record(outrun), true)
  breaker.reset()
  t.same([outrun, outrun, { kind: 'answered', status: 200, latency: 1 } as const, outrun, outrun].map(outcome => breaker.record(outcome)), [false, false, false, false, false])
})
