import fc from 'fast-check'
import t from 'tap'
import { Expiries, Expiring } from '../lib/expiry.js'
import { VirtualClock } from './kit/clock.js'

/** Notes when it is told, and may do something then. */
class Waiting extends Expiring {
  readonly name: string
  readonly told: number[] = []
  readonly #clock: VirtualClock
  readonly #act: (self: Waiting) => void

  constructor (clock: VirtualClock, name = '', act: (self: Waiting) => void = () => {}) {
    super()
    this.#clock = clock
    this.name = name
    this.#act = act
  }

  override expired (): void {
    this.told.push(this.#clock.now())
    this.#act(this)
  }
}

/** Lengths are of the kind that keeps its timer, or not. */
const KINDS: Record<string, readonly number[]> = { usual: [100], unusual: [] }

for (const [kind, usual] of Object.entries(KINDS)) {
  t.test(`a time of ${kind} length is over to the millisecond, once`, async t => {
    const clock = new VirtualClock()
    const expiries = new Expiries(clock, usual)
    const one = new Waiting(clock)
    await clock.advance(7)
    expiries.set(one, 100)
    await clock.advance(99)
    t.same(one.told, [])
    await clock.advance(1)
    t.same(one.told, [107])
    t.equal(one.waits, undefined)
    await clock.advance(1000)
    t.same(one.told, [107])
    t.equal(clock.pending, 0)
  })

  t.test(`everybody with a time of ${kind} length is told in their own millisecond and in order`, async t => {
    const clock = new VirtualClock()
    const expiries = new Expiries(clock, usual)
    const order: string[] = []
    const all: Waiting[] = []
    for (const [name, wait] of [['a', 0], ['b', 1], ['c', 0], ['d', 30], ['e', 99]] as const) {
      await clock.advance(wait)
      const one = new Waiting(clock, name, () => { order.push(name) })
      all.push(one)
      expiries.set(one, 100)
    }
    await clock.advance(1000)
    t.same(order, ['a', 'b', 'c', 'd', 'e'])
    t.same(all.map(({ told }) => told), [[100], [101], [101], [131], [230]])
  })

  t.test(`a time of ${kind} length that is set again begins anew, behind the others`, async t => {
    const clock = new VirtualClock()
    const expiries = new Expiries(clock, usual)
    const one = new Waiting(clock)
    const other = new Waiting(clock)
    expiries.set(one, 100)
    await clock.advance(10)
    expiries.set(other, 100)
    await clock.advance(80)
    expiries.set(one, 100)
    await clock.advance(1000)
    t.same(one.told, [190])
    t.same(other.told, [110])
  })

  t.test(`nobody is told whose time of ${kind} length was lifted`, async t => {
    const clock = new VirtualClock()
    const expiries = new Expiries(clock, usual)
    const [first, middle, last] = [new Waiting(clock), new Waiting(clock), new Waiting(clock)]
    for (const one of [first, middle, last]) {
      expiries.set(one, 100)
      await clock.advance(10)
    }
    first.inTime()
    first.inTime()
    t.equal(first.waits, undefined)
    last.inTime()
    await clock.advance(1000)
    t.same([first, middle, last].map(({ told }) => told), [[], [110], []])
  })

  t.test(`one timer is enough for a thousand times of ${kind} length`, async t => {
    const clock = new VirtualClock()
    const expiries = new Expiries(clock, usual)
    const all = Array.from({ length: 1000 }, () => new Waiting(clock))
    for (const one of all) expiries.set(one, 100)
    t.equal(clock.pending, 1)
    await clock.advance(50)
    for (const one of all.slice(0, 500)) expiries.set(one, 100)
    t.equal(clock.pending, 1)
    await clock.advance(50)
    t.equal(all.filter(({ told }) => told.length === 1).length, 500)
    t.equal(clock.pending, 1)
    await clock.advance(50)
    t.ok(all.every(({ told }) => told.length === 1))
    t.equal(clock.pending, 0)
  })

  t.test(`who is told may set a time of ${kind} length again at once, and those who wait behind it are told in time`, async t => {
    const clock = new VirtualClock()
    const expiries = new Expiries(clock, usual)
    const again = new Waiting(clock, '', self => { if (self.told.length < 3) expiries.set(self, 100) })
    const together = new Waiting(clock)
    const behind = new Waiting(clock)
    expiries.set(again, 100)
    expiries.set(together, 100)
    await clock.advance(5)
    expiries.set(behind, 100)
    await clock.advance(1000)
    t.same(again.told, [100, 200, 300])
    t.same(together.told, [100])
    t.same(behind.told, [105])
    t.equal(clock.pending, 0)
  })

  t.test(`who is told may set it again when nobody else waits for ${kind} length`, async t => {
    const clock = new VirtualClock()
    const expiries = new Expiries(clock, usual)
    const one = new Waiting(clock, '', self => { if (self.told.length < 3) expiries.set(self, 100) })
    expiries.set(one, 100)
    await clock.advance(100)
    t.equal(clock.pending, 1)
    await clock.advance(1000)
    t.same(one.told, [100, 200, 300])
    t.equal(clock.pending, 0)
  })

  t.test(`who is told may lift other times of ${kind} length that are over as well, or not yet`, async t => {
    const clock = new VirtualClock()
    const expiries = new Expiries(clock, usual)
    const others = Array.from({ length: 4 }, () => new Waiting(clock))
    const one = new Waiting(clock, '', () => { for (const i of [0, 2, 3]) others[i]?.inTime() })
    for (const each of [one, ...others.slice(0, 3)]) expiries.set(each, 100)
    await clock.advance(10)
    expiries.set(others[3] as Waiting, 100)
    await clock.advance(1000)
    t.same(others.map(({ told }) => told), [[], [100], [], []])
    t.equal(clock.pending, 0)
  })

  t.test(`who throws when told does not have others with a time of ${kind} length forgotten for good`, async t => {
    const clock = new VirtualClock()
    const expiries = new Expiries(clock, usual)
    expiries.set(new Waiting(clock, '', () => { throw new Error('mine') }), 100)
    const behind = new Waiting(clock)
    expiries.set(behind, 100)
    await t.rejects(clock.advance(100), { message: 'mine' })
    const next = new Waiting(clock)
    await clock.advance(10)
    expiries.set(next, 100)
    await clock.advance(1000)
    t.equal(behind.told.length, 1)
    t.equal(next.told.length, 1)
  })
}

t.test('times of two lengths do not wait for each other', async t => {
  const clock = new VirtualClock()
  const expiries = new Expiries(clock, [100])
  const long = new Waiting(clock)
  const short = new Waiting(clock)
  const changes = new Waiting(clock)
  expiries.set(long, 100)
  expiries.set(short, 20)
  expiries.set(changes, 20)
  t.equal(clock.pending, 2)
  await clock.advance(10)
  expiries.set(changes, 100)
  await clock.advance(1000)
  t.same(long.told, [100])
  t.same(short.told, [20])
  t.same(changes.told, [110])
})

t.test('an unusual length leaves no timer behind when the last one leaves', async t => {
  const clock = new VirtualClock()
  const expiries = new Expiries(clock)
  const [one, other] = [new Waiting(clock), new Waiting(clock)]
  expiries.set(one, 100)
  expiries.set(other, 100)
  one.inTime()
  t.equal(clock.pending, 1)
  other.inTime()
  t.equal(clock.pending, 0)
  for (let ms = 1; ms <= 100; ms++) expiries.set(one, ms)
  t.equal(clock.pending, 1)
  await clock.advance(99)
  t.same(one.told, [])
  await clock.advance(1)
  t.same(one.told, [100])
  t.equal(clock.pending, 0)
})

t.test('an unusual length is forgotten with its last one, a usual one is not', async t => {
  for (const [usual, same] of [[[100], true], [[], false]] as const) {
    const expiries = new Expiries(new VirtualClock(), usual)
    const [one, other] = [new Waiting(new VirtualClock()), new Waiting(new VirtualClock())]
    expiries.set(one, 100)
    const { waits } = one
    expiries.set(other, 100)
    t.equal(other.waits === waits, true, 'one place for all who wait as long')
    one.inTime()
    other.inTime()
    expiries.set(one, 100)
    t.equal(one.waits === waits, same)
  }
})

t.test('a usual length keeps its timer until it lapses, for whoever comes next', async t => {
  const clock = new VirtualClock()
  const expiries = new Expiries(clock, [100])
  t.equal(clock.pending, 0, 'nobody has come yet')
  const one = new Waiting(clock)
  expiries.set(one, 100)
  one.inTime()
  t.equal(clock.pending, 1)
  await clock.advance(40)
  expiries.set(one, 100)
  t.equal(clock.pending, 1)
  await clock.advance(99)
  t.same(one.told, [])
  await clock.advance(1)
  t.same(one.told, [140], 'its time did not begin with the timer')
  expiries.set(one, 100)
  one.inTime()
  await clock.advance(99)
  t.equal(clock.pending, 1)
  await clock.advance(1)
  t.equal(clock.pending, 0)
  t.same(one.told, [140])
})

t.test('a stop ends the timers that nobody waits for, and no others', async t => {
  const clock = new VirtualClock()
  const expiries = new Expiries(clock, [100, 200])
  const [one, other] = [new Waiting(clock), new Waiting(clock)]
  expiries.set(one, 100)
  expiries.set(other, 200)
  one.inTime()
  t.equal(clock.pending, 2)
  expiries.stop()
  t.equal(clock.pending, 1)
  await clock.advance(200)
  t.same(other.told, [200])
  // Late requests of a pool that has been stopped have limits too.
  expiries.set(one, 100)
  await clock.advance(100)
  t.same(one.told, [300])
  t.equal(clock.pending, 0)
})

t.test('a time that was over while others were told is not waited for backwards', async t => {
  const clock = new VirtualClock()
  const waits: number[] = []
  /** What is told takes 50 ms. */
  let busy = 0
  const slow = {
    now: () => clock.now() + busy,
    wall: () => 0,
    random: () => 0,
    after (ms: number, fn: () => void) {
      waits.push(ms)
      return clock.after(ms, fn)
    }
  }
  const expiries = new Expiries(slow, [100])
  const again = new Waiting(clock, '', self => {
    busy = 50
    if (self.told.length === 1) expiries.set(self, 100)
  })
  const behind = new Waiting(clock)
  expiries.set(new Waiting(clock, '', () => { busy = 50 }), 100)
  expiries.set(again, 100)
  await clock.advance(10)
  expiries.set(behind, 100)
  await clock.advance(1000)
  t.equal(behind.told.length, 1)
  t.ok(waits.every(ms => ms >= 0), waits.join())
})

t.test('any sets and lifts come to what a timer of its own for each would come to', async t => {
  const LENGTHS = [10, 25, 40] as const
  const step = fc.oneof(
    fc.record({ what: fc.constant('set' as const), who: fc.nat(5), ms: fc.constantFrom(...LENGTHS) }),
    fc.record({ what: fc.constant('lift' as const), who: fc.nat(5) }),
    fc.record({ what: fc.constant('wait' as const), ms: fc.nat(15) }),
    fc.record({ what: fc.constant('stop' as const) })
  )
  /** What each does when it is told: sets its own time again, lifts the time of another, or nothing. */
  const acts = fc.array(fc.oneof(
    fc.record({ again: fc.constantFrom(...LENGTHS), lifts: fc.constant(undefined) }),
    fc.record({ again: fc.constant(undefined), lifts: fc.option(fc.nat(5), { nil: undefined }) })
  ), { minLength: 6, maxLength: 6 })
  await t.resolves(fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), acts, fc.subarray([...LENGTHS]), async (steps, acts, usual) => {
    const clock = new VirtualClock()
    const expiries = new Expiries(clock, usual)
    const all: Waiting[] = acts.map(({ again, lifts }, i) => new Waiting(clock, String(i), self => {
      if (again !== undefined && self.told.length < 4) expiries.set(self, again)
      if (lifts !== undefined) all[lifts]?.inTime()
    }))
    /** The plain way. Whose times are over in the same millisecond lift nobody, so that their order does not matter. */
    const due = new Map<number, number>()
    const told: number[][] = acts.map(() => [])
    const until = (end: number): void => {
      for (;;) {
        const now = Math.min(...due.values())
        if (due.size === 0 || now > end) return
        const over = [...due].filter(([, at]) => at === now).map(([who]) => who)
        fc.pre(over.length === 1 || over.every(who => acts[who]?.lifts === undefined))
        for (const who of over) {
          due.delete(who)
          told[who]?.push(now)
          const { again, lifts } = acts[who] ?? {}
          if (again !== undefined && (told[who]?.length ?? 0) < 4) due.set(who, now + again)
          if (lifts !== undefined) due.delete(lifts)
        }
      }
    }
    for (const step of steps) {
      if (step.what === 'set') {
        expiries.set(all[step.who] as Waiting, step.ms)
        due.set(step.who, clock.now() + step.ms)
      } else if (step.what === 'lift') {
        all[step.who]?.inTime()
        due.delete(step.who)
      } else if (step.what === 'stop') {
        expiries.stop()
      } else {
        until(clock.now() + step.ms)
        await clock.advance(step.ms)
      }
      if (clock.pending > LENGTHS.length) throw new Error(`${clock.pending} timers`)
    }
    until(Infinity)
    await clock.advance(500)
    if (JSON.stringify(all.map(({ told }) => told)) !== JSON.stringify(told)) throw new Error('told at other times')
    if (clock.pending > 0) throw new Error('a timer is left')
  }), { numRuns: 200, seed: 1 }))
})
