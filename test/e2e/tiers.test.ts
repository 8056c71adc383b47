import t, { type Test } from 'tap'
import type { PoolOptions, TargetConfig } from '../../lib/index.js'
import { VirtualClock } from '../kit/clock.js'
import { gateway, named, until } from '../kit/index.js'
import { ask, holding, poolIn } from './holding.js'

interface Scene {
  /** Lets the probes find these targets sick, by name, and all others well. */
  readonly sicken: (...names: string[]) => Promise<void>
  /** How many of the next requests each target answers, by name; those that get none are left out. */
  readonly used: (requests: number) => Promise<Record<string, number>>
}

/** A gateway before targets with these names, in tiers and zones of their own. */
async function scene (t: Test, targets: Record<string, Omit<TargetConfig, 'url'>>, options: Partial<PoolOptions> = {}): Promise<Scene> {
  const clock = new VirtualClock()
  const names = new Map<string, string>()
  let sick: string[] = []
  const list: TargetConfig[] = []
  for (const [name, config] of Object.entries(targets)) {
    const { url } = await named(t, name)
    names.set(url, name)
    list.push({ url, ...config })
  }
  const gate = await gateway(t, {
    targets: list,
    ...options,
    health: { interval: 1000, jitter: 0, fall: 1, rise: 1, probe: async ({ url }) => { if (sick.includes(names.get(url) ?? '')) throw new Error('sick') } },
    clock
  })
  await clock.advance(0)
  return {
    async sicken (...names) {
      sick = names
      await clock.advance(1000)
    },
    async used (requests) {
      const counts: Record<string, number> = {}
      for (let i = 0; i < requests; i++) {
        const { status, name = '' } = await ask(gate, '/')
        t.equal(status, 200)
        counts[name] = (counts[name] ?? 0) + 1
      }
      return counts
    }
  }
}

const IN_TIERS = { a: {}, b: {}, c: { priority: 1 }, d: { priority: 1 }, e: { priority: 2 } }

t.test('a tier takes all of the traffic while enough of it is up, part of it with less, none with nobody, and all of it again', async t => {
  const { sicken, used } = await scene(t, IN_TIERS)
  t.same(await used(20), { a: 10, b: 10 })
  await sicken('a')
  const { b = 0, c = 0, d = 0, ...others } = await used(200)
  t.same(others, {})
  t.ok(Math.abs(b - 140) <= 25, `${b} of 200 is about 70 %`)
  t.ok(Math.abs(c - d) <= 1, 'the next tier shares the rest')
  await sicken('a', 'b')
  t.same(await used(20), { c: 10, d: 10 })
  await sicken('a', 'b', 'c', 'd')
  t.same(await used(10), { e: 10 })
  await sicken()
  t.same(await used(20), { a: 10, b: 10 })
})

t.test('a tier of which 1 / overprovisioning is up keeps all of its traffic', async t => {
  const four = { a: {}, b: {}, c: {}, d: {}, next: { priority: 1 } }
  const usual = await scene(t, four)
  await usual.sicken('a')
  t.notHas(await usual.used(60), 'next')
  const strict = await scene(t, four, { overprovisioning: 1 })
  await strict.sicken('a')
  const { next = 0 } = await strict.used(200)
  t.ok(Math.abs(next - 50) <= 25, `${next} of 200 is about a quarter`)
})

t.test('targets of the own zone come first, those elsewhere take over and step back', async t => {
  const { sicken, used } = await scene(t, { here: { zone: 'eu-1a' }, also: { zone: 'eu-1a' }, there: { zone: 'eu-1b' }, anywhere: {}, later: { zone: 'eu-1a', priority: 1 } }, { zone: 'eu-1a' })
  t.same(await used(20), { here: 10, also: 10 })
  await sicken('here')
  const { also = 0, there = 0, anywhere = 0, ...others } = await used(200)
  t.same(others, {}, 'the tier counts before the zone')
  t.ok(Math.abs(also - 140) <= 25, `${also} of 200 is about 70 %`)
  t.ok(Math.abs(there - anywhere) <= 1)
  await sicken('here', 'also')
  t.same(await used(20), { there: 10, anywhere: 10 })
  await sicken('here', 'also', 'there', 'anywhere')
  t.same(await used(10), { later: 10 })
  await sicken()
  t.same(await used(20), { here: 10, also: 10 })
})

t.test('without a zone of its own the gateway prefers none', async t => {
  const { used } = await scene(t, { a: { zone: 'x' }, b: { zone: 'y' }, c: {} })
  t.same(await used(30), { a: 10, b: 10, c: 10 })
})

t.test('a request that fails in one tier is answered by the next', async t => {
  const [first, standby] = [await named(t, 'first'), await named(t, 'standby')]
  const gate = await gateway(t, { targets: [first.url, { url: standby.url, priority: 1 }] })
  t.equal((await ask(gate, '/')).name, 'first')
  await first.kill()
  for (let i = 0; i < 10; i++) t.match(await ask(gate, '/', { method: 'POST', body: 'x' }), { status: 200, name: 'standby' })
  await named(t, 'first', first.port)
  // Half of its tier is up with it: that is 70 % of the traffic.
  poolIn(gate).add(`${first.url}/again`)
  const names = await Promise.all(Array.from({ length: 40 }, async () => (await ask(gate, '/')).name))
  t.ok(names.includes('first'), names.join(' '))
})

t.test('a tier whose targets are all full is passed over', async t => {
  const [first, standby] = [await holding(t), await holding(t)]
  const gate = await gateway(t, { targets: [first.url, { url: standby.url, priority: 1 }], limits: { target: 2 } })
  const answers = Array.from({ length: 5 }, async () => await ask(gate, '/'))
  await until(() => first.held() === 2 && standby.held() === 2 && poolIn(gate).load.waiting === 1)
  first.release()
  await until(() => first.held() === 2 && first.hits() === 3)
  first.open()
  standby.open()
  t.ok((await Promise.all(answers)).every(({ status }) => status === 200))
})

t.test('a target can be moved to another tier and zone while it is in use', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const gate = await gateway(t, { targets: [a.url, { url: b.url, priority: 1 }] })
  const name = async (): Promise<string | undefined> => (await ask(gate, '/')).name
  t.equal(await name(), 'a')
  await poolIn(gate).set([{ url: a.url, priority: 2, zone: 'x' }, { url: b.url, priority: 1 }])
  t.equal(await name(), 'b')
  t.match(poolIn(gate).targets, [{ priority: 2, zone: 'x', counters: { answered: 1 } }, { priority: 1, zone: undefined }])
})
