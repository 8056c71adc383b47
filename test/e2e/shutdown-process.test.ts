import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { compiledLib } from '../kit/compiled.js'
import { named, rawUpstream, until, upstream, type LogLine } from '../kit/index.js'
import { rawClient, values } from '../kit/raw.js'
import { waiting } from './shutdown-kit.js'

const LIB = `${compiledLib()}/`
const ROOT = new URL('../../', import.meta.url)

interface Program {
  readonly port: number
  readonly signal: (signal: NodeJS.Signals) => void
  /** Every line logged so far. */
  readonly log: () => LogLine[]
  /** Resolves once it has logged a line with this message. */
  readonly said: (message: string) => Promise<void>
  /** Exit code, or the signal that has killed it, and milliseconds since the first signal. */
  readonly end: Promise<{ readonly code: number | NodeJS.Signals, readonly ms: number }>
}

/** A gateway in a process of its own. @param more runs in it before it listens, with `app` */
async function program (t: Test, target: string, shutdownOptions: string, more = '', timeouts = '{}'): Promise<Program> {
  const source = `
    import Fastify from 'fastify'
    import balancer from ${JSON.stringify(`${LIB}index.js`)}
    import { shutdown } from ${JSON.stringify(`${LIB}shutdown.js`)}
    const app = Fastify({ logger: true })
    await app.register(balancer, { targets: [${JSON.stringify(target)}], timeouts: ${timeouts}, retries: 0 })
    const close = shutdown(app, ${shutdownOptions})
    ${more}
    await app.listen({ port: 0, host: '127.0.0.1' })
    app.log.info({ port: app.server.address().port }, 'ready')
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { child.kill('SIGKILL') })
  let output = ''
  child.stdout.on('data', chunk => { output += String(chunk) })
  const lines = (): LogLine[] => output.split('\n').slice(0, -1).map(line => JSON.parse(line) as LogLine)
  const said = async (message: string): Promise<void> => { await until(() => lines().some(({ msg }) => msg === message), 20_000) }
  let signalled = NaN
  const end = once(child, 'close').then(([code, signal]) => ({ code: (code ?? signal) as number | NodeJS.Signals, ms: performance.now() - signalled }))
  await said('ready')
  return {
    port: lines().find(({ msg }) => msg === 'ready')?.['port'] as number,
    signal: signal => {
      if (Number.isNaN(signalled)) signalled = performance.now()
      child.kill(signal)
    },
    log: lines,
    said,
    end
  }
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: g.test\r\n\r\n'

/** The machine may be busy, in milliseconds. */
const PATIENCE = 2000

/** Something that would keep the process for ever. */
const HANDLE = 'setInterval(() => {}, 1000)'

t.test('SIGTERM: what is in flight finishes, what is sent within the linger is answered, and the process ends with 0', async t => {
  const slow = await waiting(t)
  const { port, signal, log, said, end } = await program(t, slow.url, '{ linger: 1000 }', `${HANDLE}; app.get('/own', async () => 'own')`)
  const [busy, idle, silent] = [await rawClient(t, port), await rawClient(t, port), await rawClient(t, port)]
  await busy.send(REQUEST)
  await until(() => slow.pending.length === 1)
  for (const client of [idle, silent]) {
    await client.send('GET /own HTTP/1.1\r\nHost: g.test\r\n\r\n')
    t.match(await client.response(), { status: 200 })
  }
  signal('SIGTERM')
  await said('shutting down')
  await idle.send('GET /own HTTP/1.1\r\nHost: g.test\r\n\r\n')
  const answer = await idle.response()
  t.match(answer, { status: 200, body: 'own' })
  t.same(values(answer?.fields ?? [], 'connection'), ['close'])
  t.equal(await silent.ended(), 'end')
  slow.pending.forEach(answer => { answer() })
  t.match(await busy.response(), { status: 200, body: 'late' })
  const { code, ms } = await end
  t.equal(code, 0)
  t.ok(ms >= 1000, 'the linger')
  t.match(log().filter(({ msg }) => msg.startsWith('shut')), [
    { level: 30, msg: 'shutting down', signal: 'SIGTERM' }, { level: 30, msg: 'shut down', signal: 'SIGTERM', cut: 0 }
  ])
})

t.test('a black-holed upstream does not hold the exit up, even if its pool has no grace', async t => {
  const url = await rawUpstream(t, socket => { socket.resume() })
  const { port, signal, end } = await program(t, url, '{ linger: 100, grace: 500 }', HANDLE, '{ headers: 0, grace: 0 }')
  const client = await rawClient(t, port)
  await client.send(REQUEST)
  signal('SIGTERM')
  await client.ended()
  const { code, ms } = await end
  t.equal(code, 0)
  t.ok(ms >= 495 && ms < 700 + PATIENCE, `${ms} ms`)
})

t.test('a stream of events ends cleanly when the grace of its pool is as long as the whole', async t => {
  const { url } = await upstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
  })
  const { port, signal, end } = await program(t, url, '{ linger: 100, grace: 600 }', '', '{ grace: 600 }')
  const client = await rawClient(t, port)
  await client.send(REQUEST)
  await client.when(() => client.received.includes('data: 1') || undefined)
  signal('SIGTERM')
  t.match(await client.response(), { status: 200, framing: 'chunked', body: 'data: 1\n\n' })
  t.equal((await end).code, 0)
})

t.test('a second signal, also another one, ends the process at once, with 1', async t => {
  const slow = await waiting(t)
  const { port, signal, said, end } = await program(t, slow.url, '{ delay: 5000 }')
  const client = await rawClient(t, port)
  await client.send(REQUEST)
  await until(() => slow.pending.length === 1)
  signal('SIGINT')
  await said('shutting down')
  signal('SIGTERM')
  const { code, ms } = await end
  t.equal(code, 1)
  t.ok(ms < PATIENCE, `${ms} ms`)
})

t.test('a close that fails ends the process with 1, with exit or without', async t => {
  const a = await named(t, 'a')
  for (const exit of [true, false]) {
    const { signal, log, end } = await program(t, a.url, `{ linger: 0, exit: ${exit} }`, 'app.addHook(\'onClose\', async () => { throw new Error(\'stuck\') })')
    signal('SIGTERM')
    t.equal((await end).code, 1)
    t.match(log().find(({ msg }) => msg === 'could not shut down'), { level: 50, err: { message: 'stuck' } })
  }
})

t.test('a close that hangs ends the process with 1 soon after the grace', async t => {
  const a = await named(t, 'a')
  const { signal, log, end } = await program(t, a.url, '{ linger: 0, grace: 300 }', `${HANDLE}; app.addHook('onClose', async () => { await new Promise(() => {}) })`)
  signal('SIGTERM')
  const { code, ms } = await end
  t.equal(code, 1)
  t.ok(ms >= 495 && ms < 500 + PATIENCE, `${ms} ms`)
  t.match(log().at(-1), { level: 50, msg: 'the app has not closed in time' })
})

t.test('without exit the process ends when nothing keeps it any more', async t => {
  const a = await named(t, 'a')
  const { signal, end } = await program(t, a.url, '{ linger: 0, exit: false }', 'const handle = setInterval(() => {}, 1000); app.addHook(\'onClose\', async () => { setTimeout(() => { clearInterval(handle) }, 700) })')
  signal('SIGTERM')
  const { code, ms } = await end
  t.equal(code, 0)
  t.ok(ms >= 700, `${ms} ms`)
})

t.test('a signal in the middle of a close from code waits for it and ends the process with 0', async t => {
  const slow = await waiting(t)
  const { port, signal, end } = await program(t, slow.url, '{ linger: 0 }', `${HANDLE}; app.post('/close', async () => { close() })`)
  const [busy, closer] = [await rawClient(t, port), await rawClient(t, port)]
  await busy.send(REQUEST)
  await until(() => slow.pending.length === 1)
  await closer.send('POST /close HTTP/1.1\r\nHost: g.test\r\nContent-Length: 0\r\n\r\n')
  await closer.response()
  signal('SIGTERM')
  slow.pending.forEach(answer => { answer() })
  t.match(await busy.response(), { status: 200, body: 'late' })
  t.equal((await end).code, 0)
})

t.test('only the signals that are asked for', async t => {
  const a = await named(t, 'a')
  const { signal, log, said, end } = await program(t, a.url, '{ signals: [\'SIGUSR2\'], linger: 0 }', 'process.on(\'SIGTERM\', () => { app.log.info(\'not for us\') })')
  signal('SIGTERM')
  await said('not for us')
  t.notOk(log().some(({ msg }) => msg === 'shutting down'))
  signal('SIGUSR2')
  t.equal((await end).code, 0)
  t.match(log().find(({ msg }) => msg === 'shut down'), { signal: 'SIGUSR2' })
})
