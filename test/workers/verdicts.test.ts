import t, { type Test } from 'tap'
import type { Discovery } from '../../lib/discovery.js'
import { poolSettings } from '../../lib/pool-settings.js'
import { Pool } from '../../lib/pool.js'
import type { PoolOptions } from '../../lib/pool-options.js'
import { failure, Feed } from '../../lib/workers/feed.js'
import { ProbedPool } from '../../lib/workers/probed-pool.js'
import { ProbedPools } from '../../lib/workers/probed-pools.js'
import type { ToWorker } from '../../lib/workers/protocol.js'
import { Relay } from '../../lib/workers/relay.js'
import { DrainAsked, type Probe } from '../../lib/index.js'
import { oracle } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'

const [A, B, C] = ['http://a.test', 'http://b.test', 'http://c.test'] as const
const log = { info () {}, warn () {}, error () {} }

interface Machine {
  readonly clock: VirtualClock
  readonly relay: Relay
  readonly probed: ProbedPools
  readonly told: ToWorker[]
  /** Pool `users` of a worker that begins now; without its primary, it would have `options`. */
  worker (options: PoolOptions): { readonly pool: Pool, readonly feed: Feed }
}

/** A primary and its workers without the processes. */
function machine (t: Test): Machine {
  const clock = new VirtualClock()
  const told: ToWorker[] = []
  const feeds: Feed[] = []
  const relay = new Relay(message => {
    told.push(structuredClone(message))
    for (const feed of feeds) {
      if (message.balancer === 'verdicts') feed.judged(message.verdicts)
      if (message.balancer === 'targets') feed.listed(message.targets)
    }
  })
  const probed = new ProbedPools({ relay, log, clock })
  t.teardown(async () => { await probed.close() })
  return {
    clock,
    relay,
    probed,
    told,
    worker: options => {
      const feed = new Feed(new Map(relay.knowledge).get('users'))
      feeds.push(feed)
      const health = { initial: options.health?.initial ?? 'up', verdicts: feed.verdicts } as const
      const pool = new Pool(poolSettings('users', { ...options, health }, '', log, clock))
      pool.start()
      t.teardown(async () => { await pool.destroy() })
      return { pool, feed }
    }
  }
}

function healths (pool: Pool | undefined): string[] {
  return pool?.targets.map(({ health, reason }) => reason === undefined ? health : `${health}: ${reason}`) ?? []
}

function health (probe: Probe): NonNullable<PoolOptions['health']> {
  return { probe, interval: 100, jitter: 0, timeout: 50, rise: 2, fall: 2 }
}

t.test('workers see what the primary sees, from the beginning and when it changes', async t => {
  const { clock, probed, worker } = machine(t)
  const sick = new Set<string>([B])
  const options = { targets: [A, B], health: health(oracle(sick)) }
  probed.stage({ users: options }).commit()
  const { pool: early } = worker(options)
  t.same(healths(early), ['up', 'up'])
  await clock.advance(150)
  t.same(healths(early), ['up', 'down: sick'])
  const { pool: late } = worker(options)
  t.same(healths(late), ['up', 'down: sick'], 'at once')
  sick.clear()
  await clock.advance(300)
  for (const pool of [early, late, probed.pools['users']]) t.same(healths(pool), ['up', 'up'])
})

t.test('a target that joins waits for its first probe, wherever it was asked', async t => {
  const { clock, probed, worker } = machine(t)
  const sick = new Set<string>([B])
  const options = { targets: [A], health: health(oracle(sick)) }
  probed.stage({ users: options }).commit()
  const { pool } = worker(options)
  await clock.advance(10)
  probed.stage({ users: { ...options, targets: [A, B] } }).commit()
  void pool.set([A, B])
  t.same(healths(pool), ['up', 'down: not probed yet'])
  await clock.advance(10)
  t.same(healths(pool), ['up', 'down: sick'])
  const { pool: late } = worker({ ...options, targets: [A, B], health: { ...options.health, initial: 'down' } })
  t.same(healths(late), ['up', 'down: sick'])
  sick.clear()
  await clock.advance(100)
  t.same(healths(pool), ['up', 'up'], 'the first success is enough')
  t.same(healths(late), ['up', 'up'])
})

t.test('one that has left and come back is not taken for what it was', async t => {
  const { clock, probed, relay } = machine(t)
  const options = { targets: [A, B], health: health(oracle(new Set())) }
  probed.stage({ users: options }).commit()
  await clock.advance(10)
  t.same(relay.knowledge, [['users', { verdicts: [[A, 'up'], [B, 'up']], targets: undefined }]])
  probed.stage({ users: { ...options, targets: [A] } }).commit()
  t.same(relay.knowledge, [['users', { verdicts: [[A, 'up']], targets: undefined }]])
  probed.stage({ users: options }).commit()
  t.same(relay.knowledge, [['users', { verdicts: [[A, 'up']], targets: undefined }]])
  await clock.advance(10)
  t.same(relay.knowledge, [['users', { verdicts: [[A, 'up'], [B, 'up']], targets: undefined }]])
})

t.test('a target that asks a probe to be drained is drained everywhere', async t => {
  const { clock, probed, worker } = machine(t)
  let asks = true
  const options = { targets: [A, B], health: health(async ({ url }) => { if (asks && url === B) throw new DrainAsked() }) }
  probed.stage({ users: options }).commit()
  const { pool } = worker(options)
  await clock.advance(10)
  t.same(healths(pool), ['up', 'draining: it asked to be drained'])
  t.same(healths(worker(options).pool), ['up', 'draining: it asked to be drained'])
  asks = false
  await clock.advance(250)
  t.same(healths(pool), ['up', 'up'])
})

t.test('other options of a pool begin it anew, with what is known; an undone change leaves everything as it was', async t => {
  const { clock, probed, relay, worker, told } = machine(t)
  const sick = new Set<string>([B])
  let probes = 0
  const counting = (sick: ReadonlySet<string>): Probe => async (...args) => {
    probes++
    await oracle(sick)(...args)
  }
  const options = { targets: [A, B], health: health(counting(sick)) }
  probed.stage({ users: options }).commit()
  const first = probed.pools['users']
  const { pool } = worker(options)
  await clock.advance(150)

  const second = { ...options, health: health(counting(new Set([A]))) }
  const staged = probed.stage({ users: second, orders: { targets: [C] } })
  t.not(probed.pools['users'], first)
  t.same(healths(probed.pools['users']), ['up', 'down: sick'])
  await clock.advance(250)
  t.same(healths(pool), ['down: sick', 'up'], 'the workers hear of the new one')
  staged.undo()
  await clock.advance(0)
  t.equal(probed.pools['users'], first)
  t.same(healths(pool), ['up', 'down: sick'], 'they hear of the old one again, which had gone on')
  t.same(relay.knowledge.map(([name]) => name), ['users'])
  t.match(told.at(-2), { balancer: 'forget', pool: 'orders' })

  probed.stage({ users: second }).commit()
  t.throws(() => probed.stage({ users: options, orders: { targets: ['nonsense'] } }), { code: 'FST_BALANCER_BAD_OPTION', message: /^pools\.orders\.targets\[0\]/ })
  await clock.advance(1000)
  const before = probes
  await clock.advance(1000)
  t.ok(probes - before <= 22, `${probes - before} probes of two targets in ten intervals: what has been replaced asks no more`)
  probed.stage({}).commit()
  t.same(relay.knowledge, [])
  await clock.advance(1000)
  t.equal(clock.pending, 0)
})

t.test('ten thousand verdicts make one message', async t => {
  const { clock, probed, told } = machine(t)
  const targets = Array.from({ length: 10_000 }, (_, i) => `http://10.0.0.1:${i + 1}`)
  probed.stage({ users: { targets, health: health(async () => { await new Promise(() => {}) }) } }).commit()
  await clock.advance(0)
  t.equal(told.length, 1)
  t.match(told[0], { verdicts: { length: 10_000 } })
})

t.test('the breaker of a worker is its own, and what it holds against a target is forgiven only when the probes change their mind', async t => {
  const { pool, feed } = machine(t).worker({ targets: [A, B], breaker: { consecutive: 1 }, retries: 0 })
  feed.judged([[A, 'up'], [B, 'up']])
  const eject = async (): Promise<void> => { for (let i = 0; i < 4; i++) await pool.request({ path: '/', method: 'GET' }).catch(() => {}) }
  await eject()
  const ejected = healths(pool).filter(health => health.startsWith('down: ejected'))
  t.equal(ejected.length, 1)
  feed.judged([[A, 'up'], [B, 'up']])
  t.same(healths(pool).filter(health => health.startsWith('down: ejected')), ejected, 'no news')
  feed.judged([[A, { down: 'x' }], [B, { down: 'x' }]])
  feed.judged([[A, 'up'], [B, 'up']])
  t.same(healths(pool), ['up', 'up'])
})

t.test('a list of a source goes to the workers before the pool has it, unless it is none', async t => {
  const { relay, clock, told } = machine(t)
  const lists = [[A], [{ url: A, draining: 'terminating' }, B], [A, A], ['nonsense'], [B, C]]
  const discovery: Discovery = async function * () { yield * lists }
  const pool = new ProbedPool('users', { targets: [A], discovery }, new Map(), {
    relay, clock, log
  })
  t.teardown(async () => { await pool.end() })
  const seen = pool.overheard(discovery)
  pool.hear()
  const passed = []
  for await (const list of seen(new AbortController().signal)) {
    passed.push(list)
    const last = told.at(-1)
    if (passed.length < 3) t.same(last, { balancer: 'targets', pool: 'users', targets: list })
  }
  t.same(passed, lists, 'the pool says itself what is wrong')
  t.same(told.map(message => message.balancer === 'targets' && message.targets), [lists[0], lists[1], lists[4]])
  t.same(relay.knowledge, [['users', { verdicts: [], targets: [B, C] }]])
})

t.test('a fed source yields what is known, then every new list, and ends with its signal', async t => {
  const feed = new Feed({ verdicts: [], targets: [A] })
  const controller = new AbortController()
  const yielded: unknown[] = []
  const done = (async () => {
    for await (const list of feed.discovery(controller.signal)) {
      yielded.push(list)
      if (yielded.length === 1) feed.listed([B])
      if (yielded.length === 2) setImmediate(() => { feed.listed([C]) })
      if (yielded.length === 3) setImmediate(() => { controller.abort() })
    }
  })()
  await done
  t.same(yielded, [[A], [B], [C]])
  feed.listed([A])
  t.equal(yielded.length, 3)
})

t.test('verdicts are told as a prober tells them', async t => {
  t.equal(failure('up'), undefined)
  t.ok(failure('draining') instanceof DrainAsked)
  t.equal(failure({ down: 'status 500' })?.message, 'status 500')
})
