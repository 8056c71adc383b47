import t from 'tap'
import { BAD, ejecting, GONE, REFUSED, RESET, WELL } from './ejecting.js'

t.test('a target goes from up to down, to trial and back up, one change each', async t => {
  const it = ejecting(3)
  it.record(0, BAD)
  t.same(it.health(), ['up', 'up', 'up'])
  it.record(0, BAD)
  t.same(it.health(), ['down', 'up', 'up'])
  t.equal(it.at(0).reason, 'ejected: status 500')
  await it.clock.advance(999)
  t.equal(it.at(0).health, 'down')
  await it.clock.advance(1)
  t.equal(it.at(0).health, 'trial')
  it.record(0, WELL)
  t.same(it.changes, ['0 up → down: ejected: status 500', '0 down → trial: its ejection is over', '0 trial → up: it answers again'])
  t.equal(it.clock.pending, 0)
})

t.test('a trial that fails is an ejection for twice as long, up to the longest', async t => {
  const it = ejecting(2)
  it.record(0, BAD, 2)
  for (const ms of [1000, 2000, 4000, 8000, 8000]) {
    await it.clock.advance(ms - 1)
    t.equal(it.at(0).health, 'down')
    await it.clock.advance(1)
    t.equal(it.at(0).health, 'trial')
    it.record(0, RESET)
    t.equal(it.at(0).health, 'down', 'one fault is enough')
  }
})

t.test('a row of ejections ends when the target has been well for as long as its last one', async t => {
  const it = ejecting(2)
  const ejected = async (ms: number): Promise<void> => {
    it.record(0, BAD, 2)
    await it.clock.advance(ms - 1)
    t.equal(it.at(0).health, 'down')
    await it.clock.advance(1)
    t.equal(it.at(0).health, 'trial', `after ${ms} ms`)
    it.record(0, WELL)
  }
  await ejected(1000)
  await it.clock.advance(999)
  await ejected(2000)
  await it.clock.advance(2000)
  await ejected(1000)
})

t.test('after a return the count of faults begins again', async t => {
  const it = ejecting(2)
  it.record(0, BAD, 2)
  await it.clock.advance(1000)
  it.record(0, WELL)
  it.record(0, BAD)
  t.equal(it.at(0).health, 'up')
  it.record(0, BAD)
  t.equal(it.at(0).health, 'down')
})

t.test('a trial is decided by an answer or a fault, not by a client that leaves', async t => {
  const it = ejecting(2)
  it.record(0, BAD, 2)
  await it.clock.advance(1000)
  it.record(0, GONE)
  it.record(0, { kind: 'failed', error: new Error('closed while idle'), stale: true })
  t.equal(it.at(0).health, 'trial')
  it.record(0, { kind: 'answered', status: 404, latency: 1 })
  t.equal(it.at(0).health, 'up')
})

t.test('an answer brings a target back before its time, when it was asked as a last resort', async t => {
  const it = ejecting(2)
  it.record(0, BAD, 2)
  it.record(0, BAD, 5)
  t.equal(it.changes.length, 1, 'further faults are no news')
  it.record(0, WELL)
  t.equal(it.at(0).health, 'up')
  t.equal(it.clock.pending, 0)
})

t.test('late outcomes of attempts from before an ejection do nothing', async t => {
  const it = ejecting(2)
  const before = it.at(0).standing.era
  it.record(0, BAD, 2)
  it.ejector.record(it.at(0), WELL, before)
  t.equal(it.at(0).health, 'down', 'nor does a good one bring it back')
  const during = it.at(0).standing.era
  await it.clock.advance(1000)
  it.ejector.record(it.at(0), BAD, before)
  it.ejector.record(it.at(0), BAD, during)
  t.equal(it.at(0).health, 'trial')
  it.ejector.record(it.at(0), WELL, during)
  t.equal(it.at(0).health, 'trial', 'an answer to what was begun before the trial')
  it.record(0, WELL)
  for (let i = 0; i < 10; i++) it.ejector.record(it.at(0), BAD, before)
  t.equal(it.at(0).health, 'up')
})

t.test('probes that succeed end an ejection, and forget faults', async t => {
  const it = ejecting(2)
  it.record(0, BAD, 2)
  it.ejector.pardon(it.at(0))
  t.equal(it.at(0).health, 'up')
  t.equal(it.clock.pending, 0)
  it.record(0, BAD)
  it.ejector.pardon(it.at(0))
  it.record(0, BAD)
  t.equal(it.at(0).health, 'up')
  it.ejector.pardon(it.at(1))
  t.equal(it.changes.length, 2)
})

t.test('the reason is what happened: a status, a message, a code or the kind', async t => {
  for (const [outcome, reason] of [
    [BAD, 'status 500'],
    [REFUSED, 'refused'],
    [{ kind: 'unsent', error: Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }) }, 'ECONNREFUSED'],
    [{ kind: 'broken', error: new Error('') }, 'broken']
  ] as const) {
    const it = ejecting(2)
    it.record(0, outcome, 2)
    t.equal(it.at(0).reason, `ejected: ${reason}`)
  }
})

t.test('targets that have left, and a pool that has stopped, leave no timers', async t => {
  const it = ejecting(4, { maxEjected: 1 })
  it.record(0, BAD, 2)
  it.record(1, BAD, 2)
  t.equal(it.clock.pending, 2)
  it.ejector.forget(it.at(0))
  it.ejector.forget(it.at(2))
  t.equal(it.clock.pending, 1)
  it.ejector.stop()
  t.equal(it.clock.pending, 0)
  it.record(2, BAD, 5)
  it.record(1, WELL)
  await it.clock.advance(10_000)
  t.same(it.health(), ['down', 'down', 'up', 'up'])
})
