import t, { type Test } from 'tap'
import { request } from 'undici'
import { named, until } from '../kit/index.js'
import { configuration } from './configuration.js'
import { PATIENCE, running, type Running } from './kit.js'

const POOLS = { users: { targets: ['http://127.0.0.1:1'] } }

function alive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function pidsOf (gateway: Running): Promise<number[]> {
  return (await gateway.workers()).map(({ pid }) => pid as number)
}

async function allGone (t: Test, pids: readonly number[]): Promise<void> {
  await until(() => !pids.some(alive), PATIENCE)
  t.pass('no worker is left')
}

t.test('SIGTERM has the workers answer what is under way, and ends the process with 0', async t => {
  const { url } = await named(t, 'a')
  const gateway = running(t, 2, configuration({ users: { targets: [url] } }))
  await gateway.started()
  const pids = await pidsOf(gateway)
  const { body } = await request(`${await gateway.url()}/worker`)
  t.match(await body.json(), { count: 2, argv: ['one', 'two'], configuration: 'first' })
  const slow = request(`${await gateway.url()}/slow`)
  // It is only certain to be under way when it has been answered: but for this it is enough that it was sent.
  await new Promise(resolve => { setTimeout(resolve, 100) })
  gateway.child.kill('SIGTERM')
  t.equal(await (await slow).body.text(), 'slow')
  t.same(await gateway.ended(), { code: 0, signal: null })
  await allGone(t, pids)
})

t.test('a second signal kills workers that do not stop', async t => {
  const gateway = running(t, 2, configuration(POOLS, { stop: 'hangs' }))
  await gateway.started()
  const pids = await pidsOf(gateway)
  gateway.child.kill('SIGTERM')
  await gateway.line('workers are stopped')
  gateway.child.kill('SIGTERM')
  t.same(await gateway.ended(), { code: 1, signal: null })
  await allGone(t, pids)
})

t.test('workers that do not stop in time, or say that they can not, make it exit code 1', async t => {
  const slow = running(t, 1, configuration(POOLS, { stop: 'hangs' }), { stopTimeout: 200 })
  const failing = running(t, 1, configuration(POOLS, { stop: 'fails' }))
  await Promise.all([slow.started(), failing.started()])
  slow.child.kill('SIGTERM')
  failing.child.kill('SIGTERM')
  t.same(await slow.ended(), { code: 1, signal: null })
  t.same(await failing.ended(), { code: 1, signal: null })
  const message = 'worker has stopped, but not in good order'
  t.match(await slow.line(message), { signal: 'SIGKILL', reason: 'did not stop within 200 ms' })
  t.match(await failing.line(message), { code: 1, reason: 'the program has no wish to stop' })
})

t.test('workers whose primary has died answer what is under way, and end', async t => {
  const gateway = running(t, 2, configuration(POOLS))
  await gateway.started()
  const pids = await pidsOf(gateway)
  const slow = request(`${await gateway.url()}/slow`)
  await new Promise(resolve => { setTimeout(resolve, 100) })
  gateway.child.kill('SIGKILL')
  t.equal(await (await slow).body.text(), 'slow')
  await allGone(t, pids)
})

t.test('a worker whose primary has died and that can not stop ends all the same', async t => {
  const gateway = running(t, 1, configuration(POOLS, { stop: 'hangs' }), { stopTimeout: 200 })
  await gateway.started()
  const pids = await pidsOf(gateway)
  gateway.child.kill('SIGKILL')
  await allGone(t, pids)
})

t.test('a worker that is told to stop by somebody else is replaced', async t => {
  const gateway = running(t, 2, configuration(POOLS))
  await gateway.started()
  const [first = 0, second = 0] = await pidsOf(gateway)
  process.kill(first, 'SIGTERM')
  t.match(await gateway.line('worker has ended: another takes its place'), { worker: 1, code: 0, wait: 0 })
  await gateway.line('worker is ready', 3)
  const [next, same] = await gateway.workers()
  t.not(next?.pid, first)
  t.match(next, { id: 1, state: 'ready', restarts: 1 })
  t.match(same, { id: 2, pid: second, restarts: 0 })
})
