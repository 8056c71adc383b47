import t from 'tap'
import { readOptions } from '../../chaos/options.js'
import { timeTo, type GatewayReport } from '../../chaos/report.js'
import { counted, timed, type Row } from '../../chaos/scenario.js'
import { SCENARIOS } from '../../chaos/scenarios/index.js'
import { isWell, judge, slopeOf } from '../../chaos/soak/judgement.js'
import { failures, isKept, table } from '../../chaos/table.js'
import { percentile, tally } from '../../chaos/tally.js'
import type { Answer } from '../../chaos/client.js'

const row: Row = {
  scenario: 'kill-9', gateway: 'fastify-balancer', sent: 100, failedIdempotent: 0, failedPosts: 1, retried: 7, p50: 10.4, p99: 30, ejectedAfter: 12, failures: { '503 X': 1 }, pledges: []
}

t.test('a row has a line for each promise, and says what was found instead', async t => {
  const kept = { ...row, pledges: [counted('0 failed', 0, true), timed('p99 at most 50 ms', 30, 50)] }
  const broken = { ...row, pledges: [timed('p99 at most 20 ms', 30, 20), timed('back within 20 ms', undefined, 20)] }
  const lines = table([kept, broken]).split('\n')
  t.equal(lines.length, 5)
  t.match(lines[1], /^kill-9 +fastify-balancer +100 +0 +1 +7 +10 ms +30 ms +12 ms +– +0 failed +kept$/)
  t.match(lines[2], /^ +p99 at most 50 ms +kept$/)
  t.match(lines[3], / BROKEN: 30 ms$/)
  t.match(lines[4], / BROKEN: never$/)
  t.ok(isKept(kept))
  t.notOk(isKept(broken))
  t.equal(failures([kept, broken]), 'kill-9, fastify-balancer: 1 × 503 X\n')
})

t.test('answers are counted by whether they may be repeated; what was never sent is not counted', async t => {
  const answer = { number: 0, method: 'GET', status: 200, withheld: false, ms: 10 } as const
  const answers: Answer[] = [
    answer,
    { ...answer, status: 503, ms: 20 },
    { ...answer, method: 'POST', error: 'reset', ms: 30 },
    { ...answer, error: 'no new connections', withheld: true, ms: 1000 }
  ]
  t.same(tally(answers), { sent: 3, failedIdempotent: 1, failedPosts: 1, p50: 20, p99: 30, failures: { 503: 1, '200 reset': 1 } })
  t.same(tally(answers, true), { sent: 3, failedIdempotent: 2, failedPosts: 0, p50: 20, p99: 30, failures: { 503: 1, '200 reset': 1 } })
})

t.test('a percentile is a value that was there', async t => {
  t.equal(percentile([], 0.5), undefined)
  t.equal(percentile([3], 0.99), 3)
  t.equal(percentile(Array.from({ length: 100 }, (_, i) => 100 - i), 0.99), 99)
})

t.test('time to a state counts from the fault, and overlooks what was before', async t => {
  const report: GatewayReport = {
    begun: 0,
    retried: 0,
    attempts: {},
    inFlight: {},
    health: {},
    changes: [
      { at: 5, target: 'a', to: 'down', reason: '' },
      { at: 12, target: 'b', to: 'down', reason: '' },
      { at: 15, target: 'a', to: 'down', reason: '' }
    ]
  }
  t.equal(timeTo('down', 'a', 10, report), 5)
  t.equal(timeTo('up', 'a', 10, report), undefined)
})

t.test('the slope of the heap is that of the second half', async t => {
  t.equal(slopeOf([]), 0)
  t.equal(slopeOf([{ units: 1, heap: 5 }]), 0)
  t.equal(slopeOf([{ units: 1, heap: 5 }, { units: 2, heap: 8 }, { units: 3, heap: 11 }]), 3)
  const usage = { heap: 0, sockets: 2, timers: 0 }
  const soaked = { what: '', unit: '', start: usage, end: usage, slopeCounts: true }
  const flat = [0, 9e6, 9e6, 9e6].map((heap, units) => ({ units, heap }))
  t.ok(isWell(judge({ ...soaked, samples: flat })))
  const rising = [0, 0, 1e6, 2e6].map((heap, units) => ({ units, heap }))
  t.notOk(isWell(judge({ ...soaked, samples: rising })))
  t.ok(isWell(judge({ ...soaked, samples: rising, slopeCounts: false })))
  t.notOk(isWell(judge({ ...soaked, samples: flat, end: { ...usage, sockets: 3 } })))
  t.notOk(isWell(judge({ ...soaked, samples: flat, end: { ...usage, timers: 1 } })))
})

t.test('options choose scenarios, gateways and how often', async t => {
  const all = readOptions([])
  t.equal(all.scenarios, SCENARIOS)
  t.equal(all.against, undefined)
  const some = readOptions(['--only', 'kill-9,refused', '--only', 'sigterm', '--against', 'nginx', '--times', '3', '--short'])
  t.same(some.scenarios.map(({ name }) => name), ['kill-9', 'refused', 'sigterm'])
  t.match(some, { against: ['nginx'], times: 3, short: true })
  t.same(readOptions(['--against', 'none']).against, [])
  for (const args of [['--only', 'kill'], ['--against', 'envoy'], ['--times', '0'], ['--what']]) {
    t.throws(() => readOptions(args), /must be|Unknown option/, args.join(' '))
  }
})

t.test('no two scenarios have the same name', async t => {
  t.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length)
})
