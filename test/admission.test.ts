import t from 'tap'
import { Admission, type AdmissionSettings, type Entrant } from '../lib/admission.js'
import { VirtualClock } from './kit/clock.js'
import { turn } from './exchange/scripted.js'

interface Door {
  readonly clock: VirtualClock
  readonly admission: Admission
  /** What became of everybody, in order: `a in`, `b FST_BALANCER_QUEUE_FULL`. */
  readonly told: string[]
  /** Lets somebody ask to be let in; a digit is the importance. */
  readonly enter: (name: string, stream?: boolean) => Entrant
  /** Whether targets have room. */
  room: boolean
}

function door (settings: Partial<Omit<AdmissionSettings, 'queue'>> & { size?: number, timeout?: number } = {}): Door {
  const clock = new VirtualClock()
  const told: string[] = []
  const { size = 10, timeout = 1000, inFlight = 2, streams = 0 } = settings
  const it: Door = {
    clock,
    told,
    room: true,
    admission: new Admission(clock, { inFlight, streams, queue: { size, timeout, order: 'oldest' } }, () => it.room),
    enter (name, stream = false) {
      const entrant = {
        importance: Number(name.slice(1)),
        admitted () { told.push(`${name} in`) },
        turnedAway (error: Error) { told.push(`${name} ${(error as Error & { code: string }).code}`) }
      }
      it.admission.enter(entrant, stream)
      return entrant
    }
  }
  return it
}

function counts ({ inFlight, streams, waiting }: Admission): number[] {
  return [inFlight, streams, waiting]
}

t.test('who has a place is let in at once, and others when one is given back, each in a task of its own', async t => {
  const { admission, enter, told } = door()
  for (const name of ['a', 'b', 'c', 'd']) enter(name)
  t.same(told, ['a in', 'b in'])
  t.same(counts(admission), [2, 0, 2])
  admission.leave(false)
  t.same(told, ['a in', 'b in'], 'not within the callback that gave it back')
  await turn()
  t.same(told.slice(2), ['c in'])
  t.same(counts(admission), [2, 0, 1])
})

t.test('nobody overtakes those in line, even when there is room again', async t => {
  const it = door({ inFlight: 0 })
  it.room = false
  it.enter('a')
  it.room = true
  it.enter('b')
  t.same(it.told, [])
  it.admission.recheck()
  await turn()
  t.same(it.told, ['a in', 'b in'])
})

t.test('without room at the targets everybody waits, and as many go on as there is room for', async t => {
  const it = door({ inFlight: 5 })
  it.room = false
  for (const name of ['a', 'b1', 'c']) it.enter(name)
  it.admission.recheck()
  await turn()
  t.same(it.told, [])
  it.room = true
  it.admission.recheck()
  it.admission.recheck()
  await turn()
  t.same(it.told, ['b1 in', 'a in', 'c in'])
  t.same(counts(it.admission), [3, 0, 0])
})

t.test('a full line and one that takes too long turn away, once', async t => {
  const { admission, enter, told, clock } = door({ inFlight: 1, size: 1 })
  for (const name of ['a', 'b', 'c', 'd1']) enter(name)
  t.same(told, ['a in', 'c FST_BALANCER_QUEUE_FULL', 'b FST_BALANCER_QUEUE_FULL'])
  await clock.advance(1000)
  t.same(told.slice(3), ['d1 FST_BALANCER_QUEUE_TIMEOUT'])
  admission.leave(false)
  await turn()
  t.equal(told.length, 4)
  t.same(counts(admission), [0, 0, 0])
})

t.test('who gives up is told nothing, and leaves room in line', async t => {
  const { admission, enter, told, clock } = door({ inFlight: 1, size: 1 })
  enter('a')
  const b = enter('b')
  admission.giveUp(b)
  admission.giveUp(b)
  enter('c')
  t.same(told, ['a in'])
  admission.leave(false)
  await turn()
  t.same(told, ['a in', 'c in'])
  admission.giveUp(b)
  t.same(counts(admission), [1, 0, 0])
  t.equal(clock.pending, 0)
})

t.test('streams are counted by themselves, do not wait, and do not make others wait', async t => {
  const it = door({ inFlight: 1, streams: 1 })
  it.room = false
  it.enter('a', true)
  it.enter('b', true)
  t.same(it.told, ['a in', 'b FST_BALANCER_TOO_MANY_STREAMS'])
  it.room = true
  it.enter('c')
  t.same(counts(it.admission), [1, 1, 0])
  it.admission.leave(true)
  it.enter('d', true)
  t.same(it.told.slice(2), ['c in', 'd in'])
})

t.test('a request that turns out to be a stream gives its place back, one that was expected to has none to give', async t => {
  const it = door({ inFlight: 1, streams: 1 })
  for (const name of ['a', 'b']) it.enter(name)
  it.admission.becomesStream(false)
  t.same(counts(it.admission), [0, 1, 1])
  await turn()
  t.same(it.told, ['a in', 'b in'])
  it.admission.becomesStream(false)
  t.same(counts(it.admission), [0, 2, 0], 'also where there are too many: its answer is there')
  it.room = false
  it.enter('c')
  it.room = true
  it.admission.becomesStream(true)
  t.same(counts(it.admission), [0, 2, 1])
  await turn()
  t.same(it.told.slice(2), ['c in'], 'its target has room again')
})

t.test('when the pool closes everybody in line is told so, and nobody is forgotten or told twice', async t => {
  const { admission, enter, told, clock } = door({ inFlight: 1 })
  for (const name of ['a', 'b', 'c']) enter(name)
  admission.close(() => Object.assign(new Error('closed'), { code: 'CLOSED' }))
  t.same(told, ['a in', 'b CLOSED', 'c CLOSED'])
  await clock.advance(2000)
  admission.leave(false)
  await turn()
  t.equal(told.length, 3)
  t.same(counts(admission), [0, 0, 0])
  t.equal(clock.pending, 0)
})
