import t from 'tap'
import { Discoverer } from '../../lib/discoverer.js'
import type { Discovery } from '../../lib/discovery.js'
import { VirtualClock } from '../kit/clock.js'
import { told } from './kit.js'

interface Watched { readonly discoverer: Discoverer, readonly clock: VirtualClock, readonly lists: string[][], readonly changes: Array<string | undefined> }

function watched (source: Discovery, timeout = 5000): Watched {
  const clock = new VirtualClock()
  const lists: string[][] = []
  const changes: Array<string | undefined> = []
  const discoverer = new Discoverer({
    source, timeout, clock, onList: list => { lists.push(list.map(({ url }) => url)) }, onChange: failure => { changes.push(failure) }
  })
  return { discoverer, clock, lists, changes }
}

const [A, B] = ['http://a.test', 'http://b.test']

t.test('every list is heard, and the start waits for the first', async t => {
  const { source, say } = told()
  const { discoverer, clock, lists } = watched(source)
  let started: boolean | undefined
  void discoverer.start().then(result => { started = result })
  await clock.advance(4999)
  t.equal(started, undefined)
  say([A])
  await clock.advance(0)
  t.equal(started, true)
  t.match(discoverer.state, { listedAt: 4999, listed: 1, failure: undefined, failedAt: undefined })
  say([A, B])
  await clock.advance(1)
  t.same(lists, [[A], [A, B]])
  t.match(discoverer.state, { listedAt: 4999, listed: 2 })
  t.equal(clock.pending, 0)
  discoverer.stop()
})

t.test('the start goes on without a list when its time is over; with 0 it does not wait', async t => {
  for (const timeout of [300, 0]) {
    const { source, say } = told()
    const { discoverer, clock, lists } = watched(source, timeout)
    const started = discoverer.start()
    await clock.advance(timeout)
    t.equal(await started, true)
    say([A])
    await clock.advance(0)
    t.same(lists, [[A]])
    discoverer.stop()
    t.equal(clock.pending, 0)
  }
})

t.test('a source that hangs, and heeds no signal, is left behind by a stop, which ends the wait of a start', async t => {
  const { source, say, signal } = told()
  const { discoverer, clock, lists, changes } = watched(source)
  const started = discoverer.start()
  discoverer.stop()
  t.equal(await started, false)
  t.equal(signal()?.aborted, true)
  t.equal(clock.pending, 0)
  say([A])
  await clock.advance(60_000)
  say(new Error('too late'))
  await clock.advance(60_000)
  t.same([lists, changes], [[], []])
})

t.test('a source that throws is begun anew, after 1 s that doubles up to 30 s, and from 1 s on again once it has worked', async t => {
  const { source, say, begun } = told()
  const { discoverer, clock, changes } = watched(source)
  void discoverer.start()
  for (const wait of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    const before = begun()
    say(new Error('down'))
    await clock.advance(wait * 0.8 - 1)
    t.equal(begun(), before, `${wait} is not over`)
    await clock.advance(Math.min(30_000, wait * 1.2) - wait * 0.8 + 1)
    t.equal(begun(), before + 1, `${wait} is over`)
  }
  t.same(changes, ['down'], 'it is told of once')
  say([A])
  await clock.advance(0)
  t.same(changes, ['down', undefined])
  say(new Error('down'))
  await clock.advance(1200)
  t.equal(begun(), 9)
  discoverer.stop()
  t.equal(clock.pending, 0)
})

t.test('an error says by its retryAfter when to ask again', async t => {
  const { source, say, begun } = told()
  const { discoverer, clock } = watched(source)
  void discoverer.start()
  for (const [retryAfter, wait] of [[10, 10], [0, 0], [90_000, 90_000], [-1, 1200], [NaN, 2400], ['5', 4800]] as const) {
    const before = begun()
    const failures = wait <= 10 || wait === 90_000 ? 0 : 1
    say(Object.assign(new Error('busy'), { retryAfter }))
    await clock.advance(0)
    if (wait > 0) t.equal(begun(), before)
    await clock.advance(failures === 0 ? wait : 30_000)
    t.equal(begun(), before + 1, String(retryAfter))
  }
  discoverer.stop()
})

t.test('each change of the reason is told once, and so is its end', async t => {
  const { source, say } = told()
  const { discoverer, clock, changes } = watched(source)
  void discoverer.start()
  say(new Error('one'))
  await clock.advance(1200)
  const since = discoverer.state.failedAt
  say(new Error('one'))
  await clock.advance(2400)
  t.match(discoverer.state, { failure: 'one', failedAt: since })
  say(new Error('two'))
  await clock.advance(4800)
  say('three')
  await clock.advance(9600)
  say(Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' }))
  await clock.advance(20_000)
  say([A])
  await clock.advance(0)
  say([A, B])
  await clock.advance(0)
  t.same(changes, ['one', 'two', 'three', 'ECONNREFUSED', undefined])
  t.match(discoverer.state, { failure: undefined, failedAt: undefined, listed: 2 })
  discoverer.stop()
})

t.test('a list with a mistake in it is a failure that leaves the source alone', async t => {
  const { source, say, begun } = told()
  const { discoverer, clock, lists, changes } = watched(source)
  void discoverer.start()
  say([A])
  say([B, 'nowhere'])
  say([B, 'nowhere'])
  await clock.advance(0)
  t.same(lists, [[A]])
  t.same(changes, ["list[1]: 'nowhere', must be an absolute http: or https: URL"])
  say([B])
  await clock.advance(0)
  t.same(lists, [[A], [B]])
  t.equal(changes.length, 2)
  t.equal(begun(), 1)
  discoverer.stop()
})

t.test('a source that returns has said all, and is not begun again', async t => {
  const { source, say, end, begun } = told()
  const { discoverer, clock, lists, changes } = watched(source)
  const started = discoverer.start()
  say([A])
  end()
  await clock.advance(100_000)
  t.equal(await started, true)
  t.same([lists, changes, begun()], [[[A]], [], 1])
  discoverer.stop()

  const silent = told()
  const other = watched(silent.source)
  silent.end()
  const ready = other.discoverer.start()
  await other.clock.advance(0)
  t.equal(await ready, true, 'nothing more is waited for')
  t.same(other.changes, ['it ended without a list'])
  other.discoverer.stop()
})

t.test('what is no source at all is a failure, tried again', async t => {
  for (const [source, reason] of [
    [() => { throw new Error('at once') }, 'at once'],
    [() => [A], "discovery returned [ 'http://a.test' ], must be an async iterable of lists"],
    [() => undefined, 'discovery returned undefined, must be an async iterable of lists'],
    [() => ({ [Symbol.asyncIterator]: () => ({ next: () => { throw new Error('in next') }, return: () => { throw new Error('in return') } }) }), 'in next']
  ] as const) {
    let begun = 0
    const { discoverer, clock, changes } = watched(((signal: AbortSignal) => { begun++; return (source as (signal: AbortSignal) => unknown)(signal) }) as unknown as Discovery)
    void discoverer.start()
    await clock.advance(1200)
    t.equal(begun, 2)
    t.same(changes, [reason])
    discoverer.stop()
    t.equal(clock.pending, 0)
  }
})

t.test('a stop ends a generator, and a start begins it anew', async t => {
  let ended = 0
  const { discoverer, clock, lists } = watched(async function * (signal) {
    try {
      yield [A]
      await new Promise(resolve => { signal.addEventListener('abort', resolve) })
    } finally {
      ended++
    }
  })
  await discoverer.start()
  await clock.advance(0)
  discoverer.stop()
  await clock.advance(0)
  t.equal(ended, 1)
  t.equal(await discoverer.start(), true)
  await clock.advance(0)
  t.same(lists, [[A], [A]])
  discoverer.stop()
})
