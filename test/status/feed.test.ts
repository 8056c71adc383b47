import { Writable } from 'node:stream'
import t from 'tap'
import { Feed, type FullEvent } from '../../lib/status/feed.js'
import { VirtualClock } from '../kit/clock.js'

/** A reader that takes what it is sent when it is told to. */
class Slow extends Writable {
  readonly events: string[] = []
  #take: (() => void) | undefined
  constructor () { super({ highWaterMark: 1 }) }
  override _write (chunk: Buffer, _encoding: string, done: () => void): void {
    this.events.push(/event: (\w+)/.exec(String(chunk))?.[1] ?? '')
    this.#take = done
  }

  async take (): Promise<void> {
    this.#take?.()
    await new Promise(resolve => { setImmediate(resolve) })
  }
}

function feed (clock: VirtualClock): { feed: Feed, asked: () => number } {
  let asked = 0
  const state = (): FullEvent => {
    asked++
    return {
      at: clock.wall(),
      closing: false,
      actions: false,
      problems: [],
      routes: [],
      pools: [],
      transitions: [],
      deeds: [],
      totals: { requests: asked, saved: 0, retries: 0, hedgesWon: 0, inFlight: 0, up: 0, targets: 0 }
    }
  }
  return { feed: new Feed({ clock, interval: 1000, clients: 3, state }), asked: () => asked }
}

t.test('a reader that takes everything in time is sent ticks, however long they are', async t => {
  const clock = new VirtualClock()
  const { feed: source } = feed(clock)
  const reader = new Slow()
  source.add(reader)
  for (let i = 0; i < 3; i++) {
    await reader.take()
    await clock.advance(1000)
  }
  t.same(reader.events, ['state', 'tick', 'tick', 'tick'])
})

t.test('a slow reader skips ticks and is told everything when it has caught up', async t => {
  const clock = new VirtualClock()
  const { feed: source } = feed(clock)
  const [slow, quick] = [new Slow(), new Slow()]
  source.add(slow)
  source.add(quick)
  for (let i = 0; i < 3; i++) {
    await quick.take()
    await clock.advance(1000)
  }
  t.same(slow.events, ['state'], 'nothing is kept for it')
  t.same(quick.events, ['state', 'tick', 'tick', 'tick'])
  await slow.take()
  t.same(slow.events, ['state', 'state'])
  await slow.take()
  await clock.advance(1000)
  t.same(slow.events, ['state', 'state', 'tick'])
})

t.test('nobody is looked at while nobody reads', async t => {
  const clock = new VirtualClock()
  const { feed: source, asked } = feed(clock)
  await clock.advance(5000)
  t.equal(asked(), 0)
  const reader = new Slow()
  source.add(reader)
  await reader.take()
  await clock.advance(2000)
  const before = asked()
  t.ok(before >= 2)
  reader.destroy()
  await reader.take()
  await clock.advance(5000)
  t.equal(asked(), before)
  source.end()
})
