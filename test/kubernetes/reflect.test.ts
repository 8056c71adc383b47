import t from 'tap'
import { sleep } from '../../lib/clock.js'
import { ApiError, type WatchEvent } from '../../lib/kubernetes/api.js'
import { reflect } from '../../lib/kubernetes/reflect.js'
import { VirtualClock } from '../kit/clock.js'

/** Watches that last as long as `lasts` says of the nth, and the moments at which they began. */
function scripted (clock: VirtualClock, lasts: (n: number) => number, events: readonly WatchEvent[] = []): { api: Parameters<typeof reflect>[0], began: number[], lists: () => number } {
  const began: number[] = []
  let lists = 0
  return {
    began,
    lists: () => lists,
    api: {
      list: async () => ({ slices: [], version: String(++lists) }),
      async * watch (_, signal) {
        began.push(clock.now())
        if (events.length > 0) yield events
        await sleep(clock, lasts(began.length), signal)
      }
    }
  }
}

async function drain (source: AsyncIterable<unknown>): Promise<void> {
  for await (const each of source) void each
}

function gaps (began: readonly number[], lasted: number): number[] {
  return began.slice(1).map((at, i) => at - (began[i] ?? 0) - lasted)
}

t.test('watches that last are followed by the next one within 100 ms, by chance', async t => {
  const clock = new VirtualClock(3)
  const { api, began, lists } = scripted(clock, () => 5000)
  const end = new AbortController()
  const over = drain(reflect(api, clock, end.signal))
  await clock.advance(60_000)
  end.abort()
  await over
  t.equal(began.length, 12)
  t.ok(gaps(began, 5000).every(ms => ms >= 0 && ms <= 100), String(gaps(began, 5000)))
  t.ok(new Set(gaps(began, 5000)).size > 6)
  t.equal(lists(), 1)
  t.equal(clock.pending, 0)
})

t.test('watches that are cut short again and again wait longer and longer, up to 10 s, until one has lasted', async t => {
  const clock = new VirtualClock(5)
  const { api, began } = scripted(clock, n => n === 30 ? 2000 : 0)
  const end = new AbortController()
  const over = drain(reflect(api, clock, end.signal))
  await clock.advance(600_000)
  end.abort()
  await over
  const waits = gaps(began, 0)
  waits.slice(0, 7).forEach((ms, i) => { t.ok(ms <= 100 * 2 ** i, `${ms} ms after ${i + 1} in a row`) })
  t.ok(waits.every(ms => ms <= 10_000))
  t.ok(Math.max(...waits.slice(7, 29)) > 5000)
  t.ok((waits[29] ?? 0) - 2000 <= 100, 'it starts from the beginning')
})

t.test('a server that says 410 to every watch is not asked for lists in a loop', async t => {
  for (const gone of ['status', 'event'] as const) {
    const clock = new VirtualClock(7)
    const { api, lists } = scripted(clock, () => 0, gone === 'event' ? [{ type: 'ERROR', object: { code: 410 } as never }] : [])
    const { watch } = api
    if (gone === 'status') {
      api.watch = async function * (version, signal) {
        yield * watch(version, signal)
        throw new ApiError('gone', 410, undefined)
      }
    }
    const end = new AbortController()
    const over = drain(reflect(api, clock, end.signal))
    await clock.advance(60_000)
    t.ok(lists() > 5 && lists() < 40, `${lists()} lists in a minute`)
    end.abort()
    await over
    t.equal(clock.pending, 0)
  }
})

t.test('any other refusal of a watch is passed on', async t => {
  const clock = new VirtualClock()
  const { api } = scripted(clock, () => 0)
  api.watch = async function * () { throw new ApiError('no', 500, undefined) }
  await t.rejects(drain(reflect(api, clock, new AbortController().signal)), { message: 'no', status: 500 })
})
