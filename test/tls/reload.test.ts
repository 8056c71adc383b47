import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { PoolOptions } from '../../lib/index.js'
import { poolOf, type TestPool } from '../health/kit.js'
import { VirtualClock } from '../kit/clock.js'
import { until } from '../kit/index.js'
import { identity, pem, pemPath, tlsUpstream } from '../kit/tls/index.js'

const asking = { ...identity('server'), ca: pem('client-ca'), requestCert: true, rejectUnauthorized: false }

function directory (t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'tls-reload-'))
  t.teardown(() => { rmSync(path, { recursive: true }) })
  return path
}

interface Reloading extends TestPool {
  /** Lets the interval pass, and waits for what follows from it. */
  readonly look: () => Promise<void>
  readonly get: () => Promise<string>
  readonly clock: VirtualClock
}

/** A started pool on a clock that stands still. */
function reloading (t: Test, options: PoolOptions): Reloading {
  const clock = new VirtualClock()
  const made = poolOf(t, { timeouts: { connect: 0, headers: 0, idle: 0 }, ...options }, clock)
  made.pool.start()
  const look = async (): Promise<void> => {
    await clock.advance(10_000)
    await until(() => clock.pending === 1)
  }
  const get = async (): Promise<string> => {
    const { body } = await made.pool.request({ method: 'GET', path: '/' })
    return await body.text()
  }
  return { ...made, look, get, clock }
}

t.test('a pair that is replaced is used by new connections, while those that are open go on', async t => {
  const at = directory(t)
  const [certFile, keyFile] = [join(at, 'cert.pem'), join(at, 'key.pem')]
  copyFileSync(pemPath('client'), certFile)
  copyFileSync(pemPath('client-key'), keyFile)
  // Answers what is below /held once it is told to; a connection that is open is kept busy by it.
  let release: (() => void) | undefined
  const { named, handshakes } = await tlsUpstream(t, asking, (request, response) => {
    if (request.url === '/held') release = () => { response.end('released') }
    else response.end(handshakes.at(-1)?.client)
  })
  const { pool, log, look, get } = reloading(t, { targets: [named], tls: { caFile: pemPath('ca'), certFile, keyFile } })
  const held = pool.request({ method: 'GET', path: '/held' })
  await until(() => release !== undefined)

  await look()
  t.same(log, [], 'nothing to say while nothing changes')
  copyFileSync(pemPath('client2'), certFile)
  copyFileSync(pemPath('client2-key'), keyFile)
  await look()
  t.match(log, [{ level: 'info', pool: 'test', message: /^TLS files were read anew/, files: [pemPath('ca'), certFile, keyFile] }])
  t.equal(await get(), 'client2')
  t.match(handshakes, [{ client: 'client' }, { client: 'client2', resumed: false }])
  release?.()
  t.equal(await (await held).body.text(), 'released')

  await look()
  t.equal(log.length, 1)
})

t.test('an authority that is no longer trusted is not trusted by way of a session from before', async t => {
  const caFile = join(directory(t), 'ca.pem')
  copyFileSync(pemPath('ca'), caFile)
  const { named, handshakes } = await tlsUpstream(t, identity('server'), (_request, response) => {
    response.setHeader('connection', 'close')
    response.end()
  })
  const { log, look, get } = reloading(t, { targets: [named], tls: { caFile } })
  await get()
  await get()
  t.match(handshakes, [{ resumed: false }, {}])
  copyFileSync(pemPath('other-ca'), caFile)
  await look()
  await t.rejects(get(), { cause: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' } })
  copyFileSync(pemPath('ca'), caFile)
  await look()
  await get()
  t.equal(handshakes.at(-1)?.resumed, false)
  t.match(log, [{ level: 'info' }, { level: 'info' }])
})

t.test('a Secret of Kubernetes, which is mounted as a link to a link, is followed when the link is moved', async t => {
  const at = directory(t)
  const write = (version: string, name: 'client' | 'client2'): void => {
    mkdirSync(join(at, version))
    for (const [file, source] of [['tls.crt', pemPath(name)], ['tls.key', pemPath(`${name}-key`)]] as const) {
      copyFileSync(source, join(at, version, file))
      // Times and sizes may well be the same.
      utimesSync(join(at, version, file), 1, 1)
    }
    symlinkSync(version, join(at, '..data_tmp'))
    renameSync(join(at, '..data_tmp'), join(at, '..data'))
  }
  write('..1', 'client')
  for (const file of ['tls.crt', 'tls.key']) symlinkSync(join('..data', file), join(at, file))
  const { named } = await tlsUpstream(t, asking)
  const { log, look, get } = reloading(t, { targets: [named], tls: { ca: pem('ca'), certFile: join(at, 'tls.crt'), keyFile: join(at, 'tls.key') } })
  await look()
  write('..2', 'client2')
  rmSync(join(at, '..1'), { recursive: true })
  await look()
  t.match(log, [{ level: 'info' }])
  t.equal(await get(), 'client2')
})

t.test('files that are written anew with what they had are nothing new', async t => {
  const caFile = join(directory(t), 'ca.pem')
  copyFileSync(pemPath('ca'), caFile)
  const { log, look } = reloading(t, { targets: ['https://a.test'], tls: { caFile } })
  await look()
  writeFileSync(caFile, pem('ca'))
  await look()
  t.same(log, [])
})

t.test('the interval is what was asked for, 0 never looks, and nobody looks when the pool has stopped', async t => {
  const tls = { caFile: pemPath('ca') }
  t.match(readFileSync(new URL('../../README.md', import.meta.url), 'utf8'), '| `tls.reloadInterval` | ms, 0 is never | `10000` |')
  const usual = reloading(t, { targets: ['https://a.test'], tls })
  t.equal(usual.clock.pending, 1)
  await usual.clock.advance(9_999)
  t.equal(usual.clock.pending, 1)
  usual.pool.start()
  t.equal(usual.clock.pending, 1, 'one at a time')
  usual.pool.stop()
  t.equal(usual.clock.pending, 0)
  usual.pool.start()
  t.equal(usual.clock.pending, 1)
  await usual.pool.destroy()
  t.equal(usual.clock.pending, 0)

  for (const options of [{ ...tls, reloadInterval: 0 }, { ca: pem('ca'), reloadInterval: 50 }, {}]) {
    t.equal(reloading(t, { targets: ['https://a.test'], tls: options }).clock.pending, 0)
  }
})

t.test('a pool that stops while it is looking takes on nothing of what it finds', async t => {
  const caFile = join(directory(t), 'ca.pem')
  copyFileSync(pemPath('ca'), caFile)
  const due: Array<() => void> = []
  const after = (ms: number, fn: () => void): () => void => {
    t.equal(ms, 7)
    due.push(fn)
    return () => {}
  }
  const { pool, log } = poolOf(t, { targets: ['https://a.test'], tls: { caFile, reloadInterval: 7 } }, { now: () => 0, wall: () => 0, random: () => 0, after })
  pool.start()
  copyFileSync(pemPath('other-ca'), caFile)
  due[0]?.()
  pool.stop()
  // Far longer than a look takes.
  await new Promise(resolve => { setTimeout(resolve, 200) })
  t.same(log, [])
  t.equal(due.length, 1)
  pool.start()
  due[1]?.()
  await until(() => due.length === 3)
  t.match(log, [{ level: 'info' }])
})
