import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { file, type FileOptions } from '../../lib/discovery/file.js'
import { poolOf, type TestPool } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { until } from '../kit/index.js'

function directory (t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'discovery-'))
  t.teardown(() => { rmSync(path, { recursive: true }) })
  return path
}

interface Watching extends TestPool {
  readonly clock: VirtualClock
  /** URLs of the targets without what they have in common. */
  readonly names: () => string
  readonly reason: () => string | undefined
  /** Lets so much time pass that a change is seen, and waits for the look to be over. */
  readonly look: () => Promise<void>
}

/** A pool on a clock that stands still; it has read the file, or failed to. */
async function watching (t: Test, path: string): Promise<Watching> {
  const clock = new VirtualClock()
  const made = poolOf(t, { discovery: file({ path }, clock), discoveryTimeout: 0 }, clock)
  await made.pool.start()
  const names = (): string => made.pool.targets.map(({ url }) => url.replace(/^http:\/\/|\.test$/g, '')).join(' ')
  // Every look ends in a wait for the next, good or bad.
  const looked = async (): Promise<void> => { await until(() => clock.pending === 1, 30_000) }
  await looked()
  const look = async (): Promise<void> => {
    await clock.advance(500)
    await looked()
    await clock.advance(100)
    await looked()
  }
  return { ...made, clock, names, reason: () => made.pool.discovery?.failure, look }
}

t.test('a list in YAML or JSON is read, and read anew when it is written or replaced', async t => {
  const path = join(directory(t), 'targets.yaml')
  writeFileSync(path, '# ours\n- http://a.test\n- url: http://b.test\n  weight: 2\n  draining: maintenance\n')
  const { pool, names, look, log } = await watching(t, path)
  t.equal(names(), 'a b')
  t.match(pool.targets, [{ weight: 1 }, { weight: 2, health: 'draining', reason: 'maintenance' }])
  const lines = log.length
  await look()
  t.equal(log.length, lines, 'nothing to say while nothing changes')

  writeFileSync(path, '[\n\t"http://b.test",\n\t{ "url": "http://c.test" }\n]\n')
  await look()
  t.equal(names(), 'b c')

  writeFileSync(`${path}.new`, '- http://d.test\n')
  renameSync(`${path}.new`, path)
  await look()
  t.equal(names(), 'd')

  writeFileSync(path, '[]')
  await look()
  t.equal(names(), '', 'nobody, if that is what it says')
})

t.test('a ConfigMap as Kubernetes mounts it is read anew when its links are swapped', async t => {
  const mount = directory(t)
  const version = (name: string, content: string): void => {
    mkdirSync(join(mount, name))
    writeFileSync(join(mount, name, 'targets.yaml'), content)
    symlinkSync(name, join(mount, '..data_tmp'))
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
  }
  version('..2026_01', '- http://a.test\n')
  symlinkSync(join('..data', 'targets.yaml'), join(mount, 'targets.yaml'))
  const { names, look } = await watching(t, join(mount, 'targets.yaml'))
  t.equal(names(), 'a')
  version('..2026_02', '- http://b.test\n')
  rmSync(join(mount, '..2026_01'), { recursive: true })
  await look()
  t.equal(names(), 'b')
})

t.test('a file that is broken keeps the last list and is reported with line and column, once, until it is good', async t => {
  const path = join(directory(t), 'targets.yaml')
  writeFileSync(path, '- http://a.test\n')
  const { names, reason, look, log } = await watching(t, path)
  const lines = log.length
  for (const [content, message] of [
    ['- http://b.test\n- url: [http', /:2:\d+: .+, must be JSON or YAML$/],
    ['[\n  "http://b.test",\n  "http', /:3:\d+: .+, must be JSON or YAML$/],
    ['', /:1:1: null, must be a list of targets$/],
    ['targets:\n  - http://b.test\n', /:1:1: \{.*\}, must be a list of targets$/],
    ['- http://b.test\n- url: http://c.test\n  weight: -1\n', /:2:3: \[1\]\.weight: -1, must be >= 0$/],
    ['- http://b.test\n-\n', /:2:\d: \[1\]: null, must be a URL or /],
    ['- http://b.test\n- url: http://c.test\n  url: http://d.test\n', /:3:3: Map keys must be unique, must be JSON or YAML$/],
    ['- *a\n', /:1:1: Unresolved alias/],
    ['- a\n---\n- b\n', /:2:1: .*multiple documents.*, must be JSON or YAML$/]
  ] as const) {
    writeFileSync(path, content)
    await look()
    t.match(reason(), message)
    t.ok(reason()?.startsWith(path))
    t.equal(names(), 'a')
    const told = log.length
    await look()
    t.equal(log.length, told, 'it is told of once')
  }
  writeFileSync(path, '- http://b.test\n')
  await look()
  t.equal(names(), 'b', 'at the next look, not when an ever longer wait is over')
  t.equal(reason(), undefined)
  t.equal(log.slice(lines).filter(({ message }) => message === 'discovery works again').length, 1)
})

t.test('a file that is missing is a failure, at the start and later', async t => {
  const path = join(directory(t), 'targets.json')
  const { names, reason, look } = await watching(t, path)
  t.equal(reason(), `${path}: ENOENT, must be a file that can be read`)
  writeFileSync(path, '["http://a.test"]')
  await look()
  t.equal(names(), 'a')
  rmSync(path)
  await look()
  t.equal(reason(), `${path}: ENOENT, must be a file that can be read`)
  t.equal(names(), 'a')
  mkdirSync(path)
  await look()
  t.equal(reason(), `${path}: EISDIR, must be a file that can be read`)
})

t.test('what is no file is a failure, and not waited for', async t => {
  const path = join(directory(t), 'targets.yaml')
  execFileSync('mkfifo', [path])
  const { names, reason, look } = await watching(t, path)
  t.match(reason(), /targets\.yaml: no file, must be a file that can be read$/)
  rmSync(path)
  writeFileSync(path, '[http://a.test]')
  await look()
  t.equal(names(), 'a')
})

t.test('a file that is written in pieces is not read before it is whole', async t => {
  const path = join(directory(t), 'targets.yaml')
  writeFileSync(path, '- http://a.test\n- http://b.test\n- http://c.test\n')
  const { names, clock } = await watching(t, path)
  const looked = async (): Promise<void> => { await until(() => clock.pending === 1, 30_000) }
  writeFileSync(path, '- http://a.test\n')
  // The look has seen a change, and waits; a list that is cut between two lines would be a good one.
  await clock.advance(500)
  await looked()
  writeFileSync(path, '- http://a.test\n- http://b.test\n- http://d.test\n')
  await clock.advance(100)
  await looked()
  t.equal(names(), 'a b c')
  await clock.advance(500)
  await looked()
  await clock.advance(100)
  await looked()
  t.equal(names(), 'a b d')
})

t.test('the end of the pool ends the looks', async t => {
  const path = join(directory(t), 'targets.yaml')
  writeFileSync(path, '- http://a.test\n')
  const { pool, clock } = await watching(t, path)
  await pool.close()
  await until(() => clock.pending === 0)
  t.equal(clock.pending, 0)
})

t.test('bad options are refused at once', async t => {
  for (const [options, message] of [
    [undefined, 'file: missing, must be given'],
    [{}, 'file.path: missing, must be given'],
    [{ path: '' }, "file.path: '', must not be empty"],
    [{ path: 5 }, 'file.path: 5, must be a text'],
    [{ path: 'x', interval: 0 }, 'file.interval: 0, must be > 0'],
    [{ path: 'x', watch: true }, 'file.watch: unknown option, allowed are path, interval']
  ] as const) t.throws(() => file(options as FileOptions), { code: 'FST_BALANCER_BAD_OPTION', message })
})
