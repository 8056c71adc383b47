import t from 'tap'
import Fastify from 'fastify'
import balancer, { type PoolOptions } from '../../lib/index.js'
import { URL_A } from './refusal.js'
import { refusesEach } from './table.js'

t.test('retries must be a number, or an object with options that there are', async t => {
  await refusesEach(t, 'retries', [
    ['2', ": '2', must be an integer"],
    [[], ': [], must be an integer'],
    [{ maximum: 1 }, '.maximum: unknown option, allowed are max, statuses, methods, when, backoff, maxBackoff, retryAfter, budget'],
    [{ max: -1 }, '.max: -1, must be >= 0'],
    [{ max: 1.5 }, '.max: 1.5, must be an integer']
  ])
})

t.test('statuses and methods must be lists of those that there are', async t => {
  await refusesEach(t, 'retries', [
    [{ statuses: 503 }, '.statuses: 503, must be a list'],
    [{ statuses: [503, 99] }, '.statuses[1]: 99, must be >= 100'],
    [{ statuses: [600] }, '.statuses[0]: 600, must be <= 599'],
    [{ statuses: ['503'] }, ".statuses[0]: '503', must be an integer"],
    [{ methods: 'GET' }, ".methods: 'GET', must be a list"],
    [{ methods: ['GET', 'put'] }, ".methods[1]: 'put', must be a method in upper case"]
  ])
})

t.test('a rule of one\'s own must be a function, and what it takes the place of must be left out', async t => {
  await refusesEach(t, 'retries', [
    [{ when: true }, '.when: true, must be a function'],
    [{ when () {}, statuses: [503] }, '.statuses: when is a function that decides about it, must be left out'],
    [{ when () {}, methods: [] }, '.methods: when is a function that decides about it, must be left out']
  ])
})

t.test('waits must be milliseconds that a timer can wait for', async t => {
  for (const name of ['backoff', 'maxBackoff', 'retryAfter']) {
    await refusesEach(t, 'retries', [
      [{ [name]: -1 }, `.${name}: -1, must be >= 0`],
      [{ [name]: NaN }, `.${name}: NaN, must be a finite number`],
      [{ [name]: '5' }, `.${name}: '5', must be a finite number`],
      [{ [name]: 2 ** 31 }, `.${name}: 2147483648, must be <= 2147483647`]
    ])
  }
})

t.test('a budget must be off or an object with numbers in their ranges', async t => {
  for (const [budget, shown] of [[true, 'true'], [5, '5'], [null, 'null']]) {
    await refusesEach(t, 'retries', [[{ budget }, `.budget: ${String(shown)}, must be false or an object`]])
  }
  await refusesEach(t, 'retries', [
    [{ budget: { percent: 20 } }, '.budget.percent: unknown option, allowed are share, floor, window'],
    [{ budget: { share: -1 } }, '.budget.share: -1, must be >= 0'],
    [{ budget: { floor: Infinity } }, '.budget.floor: Infinity, must be a finite number'],
    [{ budget: { window: 0 } }, '.budget.window: 0, must be > 0']
  ])
})

t.test('a hedge must have a delay or a percentile', async t => {
  for (const value of [5, true, null, []]) await refusesEach(t, 'hedge', [[value, ': must be an object']])
  await refusesEach(t, 'hedge', [
    [{}, ': {}, must have exactly one of delay, percentile'],
    [{ delay: 5, percentile: 0.9 }, ': { delay: 5, percentile: 0.9 }, must have exactly one of delay, percentile'],
    [{ percentle: 0.9 }, '.percentle: unknown option, allowed are delay, percentile'],
    [{ delay: -1 }, '.delay: -1, must be >= 0'],
    [{ delay: NaN }, '.delay: NaN, must be a finite number'],
    [{ percentile: 0 }, '.percentile: 0, must be > 0'],
    [{ percentile: 1 }, '.percentile: 1, must be < 1']
  ])
})

t.test('whatever the manual says is allowed is allowed', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const fine: Array<Omit<PoolOptions, 'targets'>> = [
    { retries: 0 }, { retries: {} }, { retries: { max: 0, statuses: [], methods: [], backoff: 0, maxBackoff: 0, retryAfter: 0, budget: false } },
    { retries: { when: () => false, budget: { share: 0, floor: 0 } } }, { retries: { budget: { share: 2, floor: 0.5, window: 1 } } },
    { hedge: { delay: 0 } }, { hedge: { percentile: 0.95 } }
  ]
  await app.register(balancer, { pools: Object.fromEntries(fine.map((options, i) => [`pool${i}`, { targets: [URL_A], ...options }])) })
  t.equal(Object.keys(app.upstreams).length, fine.length)
})
