import fc from 'fast-check'
import t from 'tap'
import { systemClock } from '../../lib/clock.js'
import type { PoolOptions } from '../../lib/pool-options.js'
import { poolSettings } from '../../lib/pool-settings.js'
import { divided } from '../../lib/workers/index.js'

const targets = ['http://a.test']
const silent = { info () {}, warn () {}, error () {} }

t.test('each worker has its part of every limit, rounded up, also of those that nobody has set', async t => {
  t.match(divided({ targets }, 4), { targets, limits: { inFlight: 256, queue: 64, target: 0, connections: 0, streams: 0 }, retries: { budget: { floor: 3 } } })
  t.strictSame(divided({
    targets,
    limits: { inFlight: 10, queue: 9, target: 1, connections: 8, streams: 5, queueTimeout: 7, queueOrder: 'newest', adaptive: true },
    retries: { max: 5, budget: { share: 0.5, floor: 100 } }
  }, 4), {
    targets,
    limits: { inFlight: 3, queue: 3, target: 1, connections: 2, streams: 2, queueTimeout: 7, queueOrder: 'newest', adaptive: true },
    retries: { max: 5, budget: { share: 0.5, floor: 25 } }
  })
  t.strictSame(divided({ targets, retries: 1 }, 2).retries, { max: 1, budget: { floor: 5 } })
  t.strictSame(divided({ targets, retries: { budget: false } }, 2).retries, { budget: false })
})

t.test('parts are never 0 unless there is no limit, and together no more than a worker each too much', async () => {
  const limit = fc.nat(100_000)
  fc.assert(fc.property(fc.record({ inFlight: limit, queue: limit, target: limit, connections: limit, streams: limit }), fc.integer({ min: 1, max: 128 }), (limits, count) => {
    const parts = divided({ targets, limits }, count).limits ?? {}
    for (const name of Object.keys(limits) as Array<keyof typeof limits>) {
      const together = (parts[name] ?? NaN) * count
      if (limits[name] === 0 ? together !== 0 : together < limits[name] || together >= limits[name] + count) return false
    }
    return true
  }))
})

t.test('one worker has what a process without workers has', async t => {
  const settings = (options: PoolOptions): object => {
    const { admission, limits, retry: { max, budget } } = poolSettings('users', options, '', silent, systemClock)
    return { admission, limits, max, left: budget?.left }
  }
  for (const options of [{ targets }, { targets, retries: 3, limits: { inFlight: 5 } }, { targets, retries: { budget: false } }] as const) {
    t.strictSame(settings(divided(options, 1)), settings(options))
  }
})
