import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { until } from './kit/index.js'

// Each test starts the demo and its processes: seconds on an idle machine, much longer on a busy one.
t.setTimeout(300_000)

const DEMO = fileURLToPath(new URL('../demo/demo.ts', import.meta.url))

interface Run {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves with the exit code once both outputs have ended; null is an end by a signal. */
  readonly ended: Promise<number | null>
}

function demo (t: Test, ...args: string[]): Run {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), DEMO, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, stdout: () => stdout, stderr: () => stderr, ended }
}

interface Summary {
  readonly seconds: number
  readonly sent: number
  readonly failed: number
  readonly retried: number
  readonly targets: ReadonlyArray<{
    readonly name: string
    readonly pool: string
    readonly attempts: number
    readonly answered: number
    readonly failures: number
    readonly share: number
    readonly deaths: number
    readonly returns: number
    readonly transitions: ReadonlyArray<{ readonly from: string, readonly to: string }>
  }>
}

/** The processes of the five upstreams: each answers with its own id. */
async function upstreamPids (gateway: string): Promise<number[]> {
  const pools = await (await fetch(`${gateway}/status`)).json() as Record<string, Array<{ url: string }>>
  return await Promise.all(Object.values(pools).flat().map(async ({ url }) => {
    const { pid } = await (await fetch(url)).json() as { pid: number }
    return pid
  }))
}

function isAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Starts the demo as it is without options and waits until it shows figures. Outages are too far off to matter. */
async function running (t: Test): Promise<Run & { gateway: string, pids: number[] }> {
  const run = demo(t, '--outage-every', '10m')
  await until(() => run.stdout().includes('latency'), 60_000)
  const gateway = /http:\/\/127\.0\.0\.1:\d+/.exec(run.stdout())?.[0] ?? ''
  const pids = await upstreamPids(gateway)
  t.equal(new Set(pids).size, 5, 'five upstreams, each a process of its own')
  t.ok(pids.every(isAlive))
  return { ...run, gateway, pids }
}

t.test('--for runs by itself and prints nothing but a summary on stdout, without a failed request', async t => {
  const run = demo(t, '--for', '2s', '--outage-every', '1s')
  t.equal(await run.ended, 0, run.stderr())

  const { seconds, sent, failed, retried, targets } = JSON.parse(run.stdout()) as Summary
  t.ok(seconds >= 2, `${seconds} s`)
  t.ok(sent > 0)
  t.equal(failed, 0)
  t.same(targets.map(({ name, pool }) => `${pool} ${name}`), [
    'users users-1', 'users users-2', 'users users-3', 'orders orders-1', 'orders orders-2'
  ])
  t.equal(targets.reduce((sum, { answered }) => sum + answered, 0), sent, 'every request was answered once')
  t.equal(targets.reduce((sum, { attempts }) => sum + attempts, 0) >= sent + retried, true, 'a retried one took more than one attempt')
  for (const pool of ['users', 'orders']) {
    const share = targets.filter(target => target.pool === pool).reduce((sum, { share }) => sum + share, 0)
    t.ok(Math.abs(share - 1) < 0.02, `shares of ${pool} make a whole: ${share}`)
  }
  const [light, heavy] = targets.slice(3).map(({ answered }) => answered)
  t.ok(Math.abs((heavy ?? 0) - 3 * (light ?? 0)) <= 3, `the heavy one answers three times as much: ${light}, ${heavy}`)
  t.ok((targets[2]?.deaths ?? 0) >= 1, 'the mortal one died')
})

t.test('the mortal upstream dies, leaves the rotation, comes back and is used again, and no request fails', async t => {
  const run = demo(t, '--for', '5m', '--outage-every', '1s')
  await until(() => run.stderr().includes('users-3 is up'), 60_000)
  run.child.kill('SIGINT')
  t.equal(await run.ended, 0, 'told to end early, it still sums up')

  const { failed, retried, targets } = JSON.parse(run.stdout()) as Summary
  t.equal(failed, 0, run.stderr())
  const mortal = targets.find(({ name }) => name === 'users-3')
  t.ok((mortal?.deaths ?? 0) >= 1)
  t.ok((mortal?.returns ?? 0) >= 1)
  // Its probes bring it up, or a request that it answers once it can be connected to again, whichever comes first.
  t.match(mortal?.transitions.map(({ to }) => to).join(' '), /^down (?:trial )?up/)
  t.ok((mortal?.failures ?? 0) >= 1, 'requests met it dead')
  t.ok(retried >= 1, 'and were retried')
  t.same(targets.filter(({ name }) => name !== 'users-3').map(({ deaths }) => deaths), [0, 0, 0, 0])
})

t.test('without a terminal it prints plain lines until SIGINT, which ends it within two seconds and leaves no process', async t => {
  const { child, stdout, ended, gateway, pids } = await running(t)
  const lines = stdout().split('\n')
  t.ok(lines.some(line => line.trim() === `curl -i ${gateway}/orders -d tea`))
  t.match(lines.find(line => line.includes('users-2')), /^ {2}users-2 +up +share +\d+ % +in flight +\d+ +failures +0 +latency +\d+ ms$/)
  t.notMatch(stdout(), '\x1b')
  t.same(lines.filter(line => line.length > 80), [])

  const started = performance.now()
  child.kill('SIGINT')
  t.equal(await ended, 0)
  const took = performance.now() - started
  t.ok(took < 2000, `took ${Math.round(took)} ms`)
  t.same(pids.filter(isAlive), [])
})

t.test('a port that is taken is an error with exit code 1, and SIGTERM ends the demo that has it', async t => {
  const { child, ended, gateway, pids } = await running(t)
  const { port } = new URL(gateway)
  const second = demo(t, '--port', port)
  t.equal(await second.ended, 1)
  t.match(second.stderr(), `demo: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`)
  t.equal(second.stdout(), '')

  child.kill('SIGTERM')
  t.equal(await ended, 0)
  t.same(pids.filter(isAlive), [])
})

t.test('upstreams do not outlive a demo that is killed', async t => {
  const { child, pids } = await running(t)
  child.kill('SIGKILL')
  await until(() => !pids.some(isAlive), 10_000)
})

t.test('a signal while the upstreams start ends it as well', async t => {
  const run = demo(t)
  await until(() => run.stderr().includes('Starting'), 60_000)
  run.child.kill('SIGINT')
  t.equal(await run.ended, 0)
  t.equal(run.stdout(), '')
})

t.test('a bad argument is an error with exit code 2', async t => {
  const run = demo(t, '--for', 'ever')
  t.equal(await run.ended, 2)
  t.match(run.stderr(), "demo: --for: 'ever', must be a time")
  t.equal(run.stdout(), '')
})

t.test('--help explains every option', async t => {
  const run = demo(t, '--help')
  t.equal(await run.ended, 0)
  for (const option of ['--port', '--for', '--outage-every', '--help']) t.match(run.stdout(), option)
  t.equal(run.stderr(), '')
})
