import t from 'tap'
import Fastify from 'fastify'
import balancer, { type BreakerOptions } from '../../lib/index.js'
import { URL_A } from './refusal.js'
import { refusesEach } from './table.js'

t.test('passive health must be off or an object with options that there are', async t => {
  for (const [value, shown] of [[true, 'true'], [null, 'null'], [5, '5'], [[], '[]']]) {
    await refusesEach(t, 'breaker', [[value, `: ${String(shown)}, must be false or an object`]])
  }
  await refusesEach(t, 'breaker', [[{ consecutiv: 1 }, '.consecutiv: unknown option, allowed are ' +
    'consecutive, failureRate, minimumRequests, window, faults, breaker, ejection, maxEjection, jitter, maxEjected, reconnect']])
})

t.test('its counts, shares and times must be in their ranges', async t => {
  await refusesEach(t, 'breaker', [
    [{ consecutive: -1 }, '.consecutive: -1, must be >= 0'],
    [{ consecutive: 2.5 }, '.consecutive: 2.5, must be an integer'],
    [{ minimumRequests: 0 }, '.minimumRequests: 0, must be >= 1'],
    ...['failureRate', 'jitter', 'maxEjected'].flatMap(name => [
      [{ [name]: 1.1 }, `.${name}: 1.1, must be <= 1`] as const,
      [{ [name]: -0.1 }, `.${name}: -0.1, must be >= 0`] as const,
      [{ [name]: NaN }, `.${name}: NaN, must be a finite number`] as const
    ]),
    ...['window', 'ejection', 'maxEjection'].flatMap(name => [
      [{ [name]: 0 }, `.${name}: 0, must be > 0`] as const,
      [{ [name]: '5s' }, `.${name}: '5s', must be a finite number`] as const,
      [{ [name]: 2 ** 31 }, `.${name}: 2147483648, must be <= 2147483647`] as const
    ]),
    [{ reconnect: -1 }, '.reconnect: -1, must be >= 0']
  ])
})

t.test('a first ejection must not be longer than the longest', async t => {
  await refusesEach(t, 'breaker', [
    [{ ejection: 5000, maxEjection: 4000 }, '.maxEjection: 4000, must be >= ejection, which is 5000'],
    [{ ejection: 400_000 }, '.maxEjection: 300000, must be >= ejection, which is 400000'],
    [{ maxEjection: 1000 }, '.maxEjection: 1000, must be >= ejection, which is 5000']
  ])
})

t.test('faults must be outcomes, statuses and ranges that there are', async t => {
  await refusesEach(t, 'breaker', [[{ faults: 'failed' }, ".faults: 'failed', must be a list"]])
  for (const [fault, shown] of [['aborted', "'aborted'"], ['503', "'503'"], [99, '99'], [600, '600'], [500.5, '500.5'], ['599-500', "'599-500'"], ['500-600', "'500-600'"], [null, 'null']]) {
    await refusesEach(t, 'breaker', [
      [{ faults: ['failed', fault] }, `.faults[1]: ${String(shown)}, must be 'unsent', 'failed', 'broken', a status from 100 to 599 or a range such as '500-599'`]
    ])
  }
})

t.test('a breaker of one\'s own must be a function, and what it takes the place of must be left out', async t => {
  await refusesEach(t, 'breaker', [
    [{ breaker: {} }, '.breaker: {}, must be a function'],
    ...['consecutive', 'failureRate', 'minimumRequests', 'window'].map(name => [
      { breaker () {}, [name]: 1 }, `.${name}: breaker is a function that decides about it, must be left out`
    ] as const)
  ])
})

t.test('whatever the manual says is allowed is allowed', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const fine: Array<false | BreakerOptions> = [
    false, {}, { consecutive: 0 }, { failureRate: 0 }, { consecutive: 0, failureRate: 0 }, { faults: [] }, { faults: ['unsent', 429, '500-599', '500-500'] },
    { ejection: 1, maxEjection: 1, jitter: 0, maxEjected: 0, reconnect: 0 }, { jitter: 1, maxEjected: 1 },
    { breaker: () => ({ record: () => false, reset () {} }), ejection: 10 }
  ]
  await app.register(balancer, { pools: Object.fromEntries(fine.map((breaker, i) => [`pool${i}`, { targets: [URL_A], breaker }])) })
  t.equal(Object.keys(app.upstreams).length, fine.length)
})
