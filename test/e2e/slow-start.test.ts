import t, { type Test } from 'tap'
import type { PolicyOption, SlowStartOptions } from '../../lib/index.js'
import { VirtualClock } from '../kit/clock.js'
import { gateway, named, type Upstream } from '../kit/index.js'
import { ask, poolIn } from './holding.js'

interface Scene {
  readonly clock: VirtualClock
  readonly upstreams: readonly Upstream[]
  /** Lets the probes find the second target sick, or well. */
  readonly be: (state: 'sick' | 'well') => Promise<void>
  /** How many of the next hundred requests the second target answers. */
  readonly share: () => Promise<number>
  readonly pool: ReturnType<typeof poolIn>
}

async function scene (t: Test, slowStart: number | SlowStartOptions | undefined, policy: PolicyOption = 'round-robin'): Promise<Scene> {
  const clock = new VirtualClock()
  const upstreams = [await named(t, '0'), await named(t, '1')]
  let isSick = false
  const gate = await gateway(t, {
    targets: upstreams.map(({ url }) => url),
    policy,
    slowStart,
    health: { interval: 100, jitter: 0, fall: 1, rise: 1, probe: async ({ url }) => { if (isSick && url === upstreams[1]?.url) throw new Error('sick') } },
    clock
  })
  await clock.advance(0)
  return {
    clock,
    upstreams,
    pool: poolIn(gate),
    async be (state) {
      isSick = state === 'sick'
      await clock.advance(100)
    },
    async share () {
      let count = 0
      for (let i = 0; i < 100; i++) if ((await ask(gate, '/')).name === '1') count++
      return count
    }
  }
}

/** A target with a tenth of its share beside one with all of it gets 0.1 / 1.1 of the requests. */
const near = (t: Test, actual: number, expected: number): boolean => t.ok(Math.abs(actual - expected) <= 2, `${actual} of 100 is about ${expected}`)

t.test('a target that recovers gets its share little by little, and then all of it', async t => {
  const { clock, be, share, pool } = await scene(t, 10_000)
  near(t, await share(), 50)
  await be('sick')
  t.equal(await share(), 0)
  await be('well')
  near(t, await share(), 9)
  t.equal(pool.targets[1]?.share, 0.1)
  await clock.advance(5000)
  near(t, await share(), 33)
  await clock.advance(4999)
  t.ok((pool.targets[1]?.share ?? 1) < 1)
  await clock.advance(1)
  t.equal(pool.targets[1]?.share, 1)
  near(t, await share(), 50)
})

t.test('so it is with every policy that would give it half', async t => {
  for (const policy of ['random', 'least-requests', 'p2c', (targets: readonly unknown[]) => targets.at(-1)] as PolicyOption[]) {
    const { be, share } = await scene(t, 10_000, policy)
    await be('sick')
    await be('well')
    const count = await share()
    t.ok(count >= 2 && count <= 12, `${String(policy)}: ${count} of 100`)
  }
})

t.test('minimum is what it begins with, and aggression bends the curve', async t => {
  const { clock, be, share } = await scene(t, { window: 10_000, minimum: 0.5, aggression: 2 })
  await be('sick')
  await be('well')
  near(t, await share(), 33)
  await clock.advance(5000)
  near(t, await share(), 41)
})

t.test('one that joins while the app runs starts slowly, those at the start of the app do not', async t => {
  const { clock, pool, share, upstreams } = await scene(t, 10_000)
  t.same(pool.targets.map(({ share }) => share), [1, 1])
  await pool.remove(upstreams[1]?.url ?? '')
  pool.add(upstreams[1]?.url ?? '')
  await clock.advance(100)
  t.equal(pool.targets[1]?.health, 'up')
  near(t, await share(), 9)
})

t.test('the only target that is up takes everything at once', async t => {
  const { be, pool, share, upstreams } = await scene(t, 10_000)
  await be('sick')
  await be('well')
  pool.drain(upstreams[0]?.url ?? '')
  t.equal(await share(), 100)
})

t.test('without slow start a target that recovers has its share at once', async t => {
  const { be, share } = await scene(t, undefined)
  await be('sick')
  await be('well')
  near(t, await share(), 50)
})
