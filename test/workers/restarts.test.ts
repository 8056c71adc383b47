import t from 'tap'
import { Restarts } from '../../lib/workers/restarts.js'
import { VirtualClock } from '../kit/clock.js'

t.test('at once the first time, then later and later, up to half a minute', async t => {
  const restarts = new Restarts(new VirtualClock())
  const waits = Array.from({ length: 14 }, () => restarts.next(0))
  t.equal(waits[0], 0)
  for (const [i, wait] of waits.slice(1).entries()) {
    const wanted = Math.min(100 * 2 ** i, 30_000)
    t.ok(wait >= wanted * 0.8 && wait <= wanted * 1.2, `${wait} is about ${wanted}`)
  }
})

t.test('one that has served for a while is started again at once', async t => {
  const restarts = new Restarts(new VirtualClock())
  t.same([restarts.next(0), restarts.next(9999) > 0, restarts.next(10_000), restarts.next(3) > 0], [0, true, 0, true])
})
