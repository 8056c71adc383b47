import t from 'tap'
import Fastify from 'fastify'
import balancer, { type LimitOptions } from '../../lib/index.js'
import { poolSettings } from '../../lib/pool-settings.js'
import { VirtualClock } from '../kit/clock.js'
import { URL_A } from './refusal.js'
import { refusesEach } from './table.js'

t.test('limits must be an object with options that there are', async t => {
  await refusesEach(t, 'limits', [
    [5, ': 5, must be an object'],
    [[], ': [], must be an object'],
    [null, ': null, must be an object'],
    [{ inflight: 1 }, '.inflight: unknown option, allowed are inFlight, target, connections, streams, queue, queueTimeout, queueOrder, adaptive']
  ])
})

t.test('how many there may be must be an integer that is not negative', async t => {
  for (const name of ['inFlight', 'target', 'connections', 'streams', 'queue']) {
    await refusesEach(t, 'limits', [
      [{ [name]: -1 }, `.${name}: -1, must be >= 0`],
      [{ [name]: 1.5 }, `.${name}: 1.5, must be an integer`],
      [{ [name]: NaN }, `.${name}: NaN, must be an integer`],
      [{ [name]: Infinity }, `.${name}: Infinity, must be an integer`],
      [{ [name]: '1' }, `.${name}: '1', must be an integer`],
      [{ [name]: null }, `.${name}: null, must be an integer`]
    ])
  }
})

t.test('the time in line must be one that a timer can wait for, and its order one of two', async t => {
  await refusesEach(t, 'limits', [
    [{ queueTimeout: -1 }, '.queueTimeout: -1, must be >= 0'],
    [{ queueTimeout: 2 ** 31 }, '.queueTimeout: 2147483648, must be <= 2147483647'],
    [{ queueTimeout: '1s' }, ".queueTimeout: '1s', must be a finite number"],
    [{ queueTimeout: Infinity }, '.queueTimeout: Infinity, must be a finite number'],
    [{ queueOrder: 'lifo' }, ".queueOrder: 'lifo', must be one of 'oldest', 'newest'"]
  ])
})

t.test('an adaptive limit must be on, off or have limits in order', async t => {
  for (const [value, shown] of [[5, '5'], ['on', "'on'"], [null, 'null'], [[], '[]']]) {
    await refusesEach(t, 'limits', [[{ adaptive: value }, `.adaptive: ${String(shown)}, must be true, false or an object`]])
  }
  await refusesEach(t, 'limits', [
    [{ adaptive: { maximum: 1 } }, '.adaptive.maximum: unknown option, allowed are initial, min, max, smoothing, queueSize, longWindow'],
    ...['initial', 'min', 'max', 'queueSize', 'longWindow'].map(name => [{ adaptive: { [name]: 0 } }, `.adaptive.${name}: 0, must be >= 1`] as const),
    [{ adaptive: { smoothing: 0 } }, '.adaptive.smoothing: 0, must be > 0'],
    [{ adaptive: { smoothing: 2 } }, '.adaptive.smoothing: 2, must be <= 1'],
    [{ adaptive: { min: 30 } }, '.adaptive: min 30, initial 20, max 200, must be in that order'],
    [{ adaptive: { max: 10 } }, '.adaptive: min 20, initial 20, max 10, must be in that order'],
    [{ adaptive: { initial: 300, max: 200 } }, '.adaptive: min 20, initial 300, max 200, must be in that order']
  ])
})

t.test('an adaptive limit of which only the beginning is given has room on both sides', async t => {
  const silent = { info () {}, warn () {}, error () {} }
  const limitOf = (adaptive: LimitOptions['adaptive']): number | undefined =>
    poolSettings('p', { targets: [URL_A], limits: adaptive === undefined ? {} : { adaptive } }, '', silent, new VirtualClock()).limits.adaptive?.().limit
  t.same([undefined, false, true, {}, { initial: 5 }, { initial: 500 }, { initial: 3, min: 1, max: 3 }].map(limitOf), [undefined, undefined, 20, 20, 5, 500, 3])
})

t.test('whatever the manual says is allowed is allowed', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const fine: LimitOptions[] = [
    {}, { inFlight: 0, target: 0, connections: 0, streams: 0, queue: 0, queueTimeout: 0 }, { queueOrder: 'newest', queueTimeout: 0.5 },
    { adaptive: true }, { adaptive: { initial: 20, min: 20, max: 200, smoothing: 0.2, queueSize: 4, longWindow: 600 } }, { adaptive: { smoothing: 1, min: 20, initial: 20, max: 20 } }
  ]
  await app.register(balancer, { pools: Object.fromEntries(fine.map((limits, i) => [`pool${i}`, { targets: [URL_A], limits }])) })
  t.equal(Object.keys(app.upstreams).length, fine.length)
})
