import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { jittered, sleep, systemClock, type Clock } from '../lib/clock.js'
import { VirtualClock } from './kit/clock.js'

t.test('the real clock never goes backwards', async t => {
  let before = systemClock.now()
  for (let i = 0; i < 1000; i++) {
    const now = systemClock.now()
    t.ok(now >= before)
    before = now
  }
})

t.test('the real dice show numbers from 0 up to but not including 1', async t => {
  const throws = Array.from({ length: 1000 }, () => systemClock.random())
  t.ok(throws.every(value => value >= 0 && value < 1))
  t.ok(new Set(throws).size > 990, 'and not the same one')
})

t.test('the real clock calls once, not before its time', async t => {
  const start = systemClock.now()
  // The timer does not keep the process alive, this does.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => { clearInterval(alive) })
  await new Promise<void>(resolve => { systemClock.after(30, resolve) })
  // Timers may be a millisecond early by this clock.
  t.ok(systemClock.now() - start >= 29)
})

t.test('what is called off is not called', async t => {
  let called = false
  const cancel = systemClock.after(1, () => { called = true })
  cancel()
  cancel()
  await new Promise<void>(resolve => { setTimeout(resolve, 20) })
  t.equal(called, false)
})

t.test('a timer of the real clock does not keep the process alive', async t => {
  const script = "import { systemClock } from './lib/clock.ts'; systemClock.after(600_000, () => {}); console.log('set')"
  const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '--eval', script], { cwd: new URL('..', import.meta.url), stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = await once(child.stdout, 'data') as [Buffer]
  t.equal(said.toString().trim(), 'set')
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
})

t.test('a sleep lasts as long as it should and leaves nothing behind', async t => {
  const clock = new VirtualClock()
  const { signal } = new AbortController()
  let awake = false
  const slept = sleep(clock, 100, signal).then(() => { awake = true })
  await clock.advance(99)
  t.equal(awake, false)
  await clock.advance(1)
  await slept
  t.equal(awake, true)
  t.equal(clock.pending, 0)
})

t.test('an abort ends a sleep at once, and its timer', async t => {
  const clock = new VirtualClock()
  const controller = new AbortController()
  const slept = sleep(clock, 100, controller.signal)
  t.equal(clock.pending, 1)
  controller.abort(new Error('enough'))
  await slept
  t.equal(clock.pending, 0)
  t.equal(clock.now(), 0)
})

t.test('who is aborted already does not go to sleep', async t => {
  const clock = new VirtualClock()
  await sleep(clock, 100, AbortSignal.abort())
  t.equal(clock.pending, 0)
})

t.test('many sleeps on one signal leave no listeners on it', async t => {
  const clock = new VirtualClock()
  const { signal } = new AbortController()
  const listening = new Set<unknown>()
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (type: string, listener: unknown, ...rest: unknown[]) => {
    listening.add(listener)
    Reflect.apply(addEventListener, signal, [type, listener, ...rest])
  }
  signal.removeEventListener = (type: string, listener: unknown, ...rest: unknown[]) => {
    listening.delete(listener)
    Reflect.apply(removeEventListener, signal, [type, listener, ...rest])
  }
  for (let i = 0; i < 20; i++) {
    const slept = sleep(clock, 10, signal)
    t.equal(listening.size, 1)
    await clock.advance(10)
    await slept
  }
  t.equal(listening.size, 0)
})

t.test('jitter spreads evenly over both sides', async t => {
  const showing = (value: number): Clock => ({ now: () => 0, wall: () => 0, random: () => value, after: () => () => {} })
  t.equal(jittered(showing(0), 1000, 0.1), 900)
  t.equal(jittered(showing(0.5), 1000, 0.1), 1000)
  t.equal(Math.round(jittered(showing(1 - 2 ** -53), 1000, 0.1)), 1100)
  t.equal(jittered(showing(0), 1000, 0), 1000)
  t.equal(jittered(showing(0), 1000, 1), 0)
  const clock = new VirtualClock(1)
  const drawn = Array.from({ length: 10_000 }, () => jittered(clock, 1000, 0.5))
  t.ok(drawn.every(ms => ms >= 500 && ms < 1500))
  t.ok(Math.abs(drawn.reduce((a, b) => a + b) / drawn.length - 1000) < 10)
})
