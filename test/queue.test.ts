import fc from 'fast-check'
import t from 'tap'
import { Queue, type QueueSettings, type Waiting } from '../lib/queue.js'
import { VirtualClock } from './kit/clock.js'

interface Line {
  readonly clock: VirtualClock
  readonly queue: Queue
  /** Who was refused and why, in order: `a full`. */
  readonly refused: string[]
  /** Enters somebody whose first letter is the name, and whose digit, if any, is the importance: `a`, `b2`. */
  readonly enter: (...names: string[]) => void
  readonly waiting: (name: string) => Waiting
  /** Takes everybody out, by name. */
  readonly drain: () => string
}

function line (settings: Partial<QueueSettings> = {}): Line {
  const clock = new VirtualClock()
  const queue = new Queue(clock, { size: 10, timeout: 1000, order: 'oldest', ...settings })
  const refused: string[] = []
  const known = new Map<string, Waiting>()
  const names = new Map<Waiting, string>()
  const waiting = (name: string): Waiting => known.get(name) ?? { importance: 0, proceed () {}, refuse () {} }
  return {
    clock,
    queue,
    refused,
    waiting,
    enter (...entering) {
      for (const name of entering) {
        const one = { importance: Number(name.slice(1)), proceed () {}, refuse (reason: string) { refused.push(`${name} ${reason}`) } }
        known.set(name, one)
        names.set(one, name)
        queue.enter(one)
      }
    },
    drain () {
      const left: string[] = []
      for (let next = queue.next(); next !== undefined; next = queue.next()) left.push(names.get(next) ?? '?')
      return left.join(' ')
    }
  }
}

t.test('the oldest goes first', async t => {
  const { queue, enter, drain } = line()
  enter('a', 'b', 'c')
  t.equal(queue.length, 3)
  t.equal(drain(), 'a b c')
  t.equal(queue.length, 0)
  t.equal(queue.next(), undefined)
})

t.test('the newest goes first if it is to be so', async t => {
  const { enter, drain } = line({ order: 'newest' })
  enter('a', 'b', 'c')
  t.equal(drain(), 'c b a')
})

t.test('the most important goes first, whatever the order within its class', async t => {
  const names = ['a1', 'b2', 'c0', 'd2', 'e1', 'f-1', 'g1.5']
  for (const [order, expected] of [['oldest', 'b2 d2 g1.5 a1 e1 c0 f-1'], ['newest', 'd2 b2 g1.5 e1 a1 c0 f-1']] as const) {
    const { enter, drain } = line({ order })
    enter(...names)
    t.equal(drain(), expected)
  }
})

t.test('whose turn it is, is told by the caller and by nobody else', async t => {
  const { queue } = line()
  let turns = 0
  const waiting = { importance: 0, proceed () { turns++ }, refuse () {} }
  queue.enter(waiting)
  t.equal(queue.next(), waiting)
  t.equal(turns, 0)
})

t.test('a full queue refuses a newcomer at once', async t => {
  for (const order of ['oldest', 'newest'] as const) {
    const { queue, enter, refused, drain } = line({ size: 2, order })
    enter('a1', 'b1')
    t.same(refused, [])
    enter('c1', 'd0')
    t.same(refused, ['c1 full', 'd0 full'])
    t.equal(queue.length, 2)
    t.equal(drain(), order === 'oldest' ? 'a1 b1' : 'b1 a1')
  }
})

t.test('in a full queue somebody more important takes the place that would have been served last', async t => {
  for (const [order, lost, left] of [['oldest', ['d0 full', 'a0 full', 'c1 full'], 'b2 e2 f2 g2'], ['newest', ['a0 full', 'd0 full', 'c1 full'], 'g2 f2 e2 b2']] as const) {
    const { queue, enter, refused, drain } = line({ size: 4, order })
    enter('a0', 'b2', 'c1', 'd0')
    enter('e2')
    t.same(refused, lost.slice(0, 1))
    enter('f2', 'g2')
    t.same(refused, lost)
    enter('h2')
    t.same(refused.slice(3), ['h2 full'], 'all are as important')
    t.equal(queue.length, 4)
    t.equal(drain(), left)
  }
})

t.test('in a queue of size 0 nobody waits', async t => {
  const { clock, queue, enter, refused } = line({ size: 0 })
  enter('a', 'b9')
  t.same(refused, ['a full', 'b9 full'])
  t.equal(queue.length, 0)
  t.equal(clock.pending, 0)
})

t.test('whoever has gone is not served, and was there once', async t => {
  for (const gone of ['a1', 'b1', 'c1', 'd0']) {
    const { queue, enter, waiting, refused, drain } = line()
    enter('a1', 'b1', 'c1', 'd0')
    t.equal(queue.leave(waiting(gone)), true)
    t.equal(queue.leave(waiting(gone)), false)
    t.equal(queue.length, 3)
    enter('e1')
    t.equal(drain(), ['a1', 'b1', 'c1', 'e1', 'd0'].filter(name => name !== gone).join(' '))
    t.same(refused, [])
  }
})

t.test('whoever has been served or refused, or never came, is not there to go', async t => {
  const { queue, enter, waiting } = line({ size: 1 })
  enter('a', 'b')
  t.equal(queue.leave(waiting('b')), false)
  queue.next()
  t.equal(queue.leave(waiting('a')), false)
  t.equal(queue.leave(waiting('c')), false)
})

t.test('a place that somebody has left is free', async t => {
  const { queue, enter, waiting, refused, drain } = line({ size: 1 })
  enter('a')
  queue.leave(waiting('a'))
  enter('b')
  t.equal(drain(), 'b')
  enter('c')
  t.equal(drain(), 'c')
  t.same(refused, [])
})

t.test('each waits for as long as the timeout and is then refused', async t => {
  for (const order of ['oldest', 'newest'] as const) {
    const { clock, queue, enter, refused } = line({ order })
    enter('a0')
    await clock.advance(400)
    enter('b2', 'c1')
    await clock.advance(599)
    t.same(refused, [])
    await clock.advance(1)
    t.same(refused, ['a0 timeout'])
    await clock.advance(399)
    t.same(refused, ['a0 timeout'])
    await clock.advance(1)
    t.same(refused, ['a0 timeout', 'b2 timeout', 'c1 timeout'])
    t.equal(queue.length, 0)
    t.equal(clock.pending, 0)
  }
})

t.test('those who wait after somebody was served wait for as long', async t => {
  const { clock, queue, enter, refused } = line()
  enter('a')
  await clock.advance(500)
  enter('b')
  queue.next()
  await clock.advance(999)
  t.same(refused, [])
  await clock.advance(1)
  t.same(refused, ['b timeout'])
})

/** Its timers come a little too early, as those of Node may. */
class HastyClock extends VirtualClock {
  override after (ms: number, fn: () => void): () => void { return super.after(ms > 1 ? ms - 0.5 : ms, fn) }
}

t.test('nobody is refused before its time, even if the timer is early', async t => {
  const clock = new HastyClock()
  const refused: number[] = []
  new Queue(clock, { size: 1, timeout: 1000, order: 'oldest' }).enter({ importance: 0, proceed () {}, refuse () { refused.push(clock.now()) } })
  await clock.advance(2000)
  t.same(refused, [1000])
})

t.test('there is one timer for all, and none when nobody waits', async t => {
  const { clock, queue, enter, waiting, refused, drain } = line({ size: 3 })
  t.equal(clock.pending, 0)
  enter('a', 'b1', 'c2', 'd3')
  t.equal(clock.pending, 1)
  queue.next()
  t.equal(clock.pending, 1)
  drain()
  t.equal(clock.pending, 0)
  enter('e')
  queue.leave(waiting('e'))
  t.equal(clock.pending, 0)
  enter('f', 'g')
  queue.clear()
  t.equal(clock.pending, 0)
  t.equal(queue.length, 0)
  t.equal(drain(), '')
  await clock.advance(5000)
  t.same(refused, ['a full'], 'nobody was told of the end')
})

t.test('a cleared queue can be used again', async t => {
  const { clock, queue, enter, waiting, refused } = line()
  enter('a', 'b1')
  queue.clear()
  t.equal(queue.leave(waiting('a')), false)
  enter('c')
  await clock.advance(1000)
  t.same(refused, ['c timeout'])
})

t.test('without a timeout there is no timer', async t => {
  const { clock, enter, refused, drain } = line({ timeout: 0 })
  enter('a', 'b')
  t.equal(clock.pending, 0)
  await clock.advance(1e9)
  t.same(refused, [])
  t.equal(drain(), 'a b')
})

t.test('somebody who is refused may come again, or make another leave', async t => {
  const { clock, queue, enter, refused, drain } = line({ size: 3 })
  const other: Waiting = { importance: 0, proceed () {}, refuse () { refused.push('other') } }
  let came = 0
  const again: Waiting = {
    importance: 0,
    proceed () {},
    refuse (reason) {
      refused.push(reason)
      t.equal(queue.leave(other), true, 'it is still there')
      if (++came < 2) {
        queue.enter(again)
        queue.enter(other)
      }
    }
  }
  queue.enter(again)
  queue.enter(other)
  await clock.advance(1000)
  t.same(refused, ['timeout'])
  t.equal(queue.length, 2)
  t.equal(clock.pending, 1)
  await clock.advance(999)
  t.same(refused, ['timeout'])
  enter('a1', 'b1')
  t.same(refused, ['timeout', 'other'], 'evicted for the second of them')
  t.equal(queue.length, 3)
  queue.leave(again)
  t.equal(drain(), 'a1 b1')
})

t.test('who is evicted sees that its place is taken', async t => {
  const { queue, enter, drain } = line({ size: 1 })
  let length = 0
  queue.enter({ importance: 0, proceed () {}, refuse () { length = queue.length; enter('z0') } })
  enter('a1')
  t.equal(length, 1)
  t.equal(drain(), 'a1')
})

type Step = { readonly kind: 'enter', readonly importance: number } | { readonly kind: 'next' } | { readonly kind: 'leave', readonly who: number } | { readonly kind: 'advance', readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('enter' as const), importance: fc.integer({ min: -1, max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('next' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 60 }) }) }
)

interface Entry { readonly id: number, readonly importance: number, readonly expires: number }

/** The same in as few words as possible: one list, looked through every time. */
class Model {
  readonly events: string[] = []
  list: Entry[] = []
  readonly settings: QueueSettings

  constructor (settings: QueueSettings) { this.settings = settings }

  /** In the order of being served. */
  get order (): Entry[] {
    const sign = this.settings.order === 'oldest' ? 1 : -1
    return this.list.toSorted((a, b) => b.importance - a.importance || sign * (a.id - b.id))
  }

  enter (entry: Entry): void {
    if (this.list.length >= this.settings.size) {
      const last = this.order.at(-1)
      if (last === undefined || last.importance >= entry.importance) {
        this.events.push(`${entry.id} full`)
        return
      }
      this.remove(last)
      this.events.push(`${last.id} full`)
    }
    this.list.push(entry)
  }

  remove (entry: Entry | undefined): void { this.list = this.list.filter(other => other !== entry) }

  expire (now: number): void {
    if (this.settings.timeout === 0) return
    const expired = this.list.filter(({ expires }) => expires <= now)
    for (const entry of expired.sort((a, b) => a.expires - b.expires || b.importance - a.importance || a.id - b.id)) {
      this.remove(entry)
      this.events.push(`${entry.id} timeout`)
    }
  }
}

t.test('it does what a list that is looked through does, whatever happens', async t => {
  const settings = fc.record({ size: fc.nat(6), timeout: fc.constantFrom(0, 50, 100), order: fc.constantFrom('oldest' as const, 'newest' as const) })
  await fc.assert(fc.asyncProperty(settings, fc.array(step, { maxLength: 60 }), async (settings, steps) => {
    const clock = new VirtualClock()
    const [queue, model] = [new Queue(clock, settings), new Model(settings)]
    const events: string[] = []
    const everybody: Array<{ readonly waiting: Waiting, readonly entry: Entry }> = []
    for (const step of steps) {
      if (step.kind === 'enter') {
        const { importance } = step
        const id = everybody.length
        const waiting = { importance, proceed () { events.push(`${id} proceeds`) }, refuse (reason: string) { events.push(`${id} ${reason}`) } }
        const entry = { id, importance, expires: clock.now() + settings.timeout }
        everybody.push({ waiting, entry })
        queue.enter(waiting)
        model.enter(entry)
      } else if (step.kind === 'next') {
        queue.next()?.proceed()
        const [first] = model.order
        if (first !== undefined) model.events.push(`${first.id} proceeds`)
        model.remove(first)
      } else if (step.kind === 'leave') {
        const one = everybody[step.who]
        if (one !== undefined) {
          if (queue.leave(one.waiting) !== model.list.includes(one.entry)) return false
          model.remove(one.entry)
        }
      } else {
        await clock.advance(step.ms)
        model.expire(clock.now())
      }
      if (queue.length !== model.list.length || clock.pending !== (settings.timeout > 0 && queue.length > 0 ? 1 : 0)) return false
    }
    return events.join() === model.events.join()
  }), { numRuns: 1000 })
  t.pass()
})

/** Milliseconds for everybody to enter a queue, some of them by taking a place, and to be served or to leave. */
function duration (everybody: readonly Waiting[], order: QueueSettings['order']): number {
  const queue = new Queue(new VirtualClock(), { size: everybody.length * 3 / 4, timeout: 1000, order })
  const start = performance.now()
  for (const waiting of everybody) queue.enter(waiting)
  everybody.forEach((waiting, i) => { if (i % 8 === 7) queue.leave(waiting) })
  while (queue.next() !== undefined);
  return performance.now() - start
}

for (const order of ['oldest', 'newest'] as const) {
  t.test(`100,000 in one queue take about as long as in ten queues, the ${order} first`, async t => {
    const everybody = Array.from({ length: 100_000 }, (_, i) => ({ importance: i % 4 + (i < 50_000 ? 0 : 4), proceed () {}, refuse () {} }))
    const parts = Array.from({ length: 10 }, (_, i) => everybody.filter((_, at) => at % 10 === i))
    let [one, ten] = [Infinity, Infinity]
    for (let round = 0; round < 5; round++) {
      ten = Math.min(ten, parts.reduce((sum, part) => sum + duration(part, order), 0))
      one = Math.min(one, duration(everybody, order))
    }
    // What looks through the line for each would take ten times as long.
    t.ok(one < 5 * ten, `${one} ms, ${ten} ms`)
  })
}
