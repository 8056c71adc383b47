import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { nameServer, v4 } from '../discovery/name-server.js'
import { named, until, upstream } from '../kit/index.js'
import { BIN, directory, run, start } from './kit.js'

/** Milliseconds that a process may take on a busy machine. */
const PATIENCE = 30_000

t.test('a gateway serves what its document says, and stops in good order', async t => {
  const { url } = await named(t, 'a')
  const { url: slow } = await upstream(t, (_request, response) => { setTimeout(() => { response.end('late') }, 400) })
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0 }
    admin: { port: 0 }
    pools:
      users: { targets: ["${url}"] }
      slow: { targets: ["${slow}"] }
    routes:
      - { prefix: /users, pool: users, rewritePrefix: /v2 }
      - { prefix: /slow, pool: slow }
  `)
  const answer = await fetch(`${gateway.address}/users/42`)
  t.equal(answer.status, 200)
  t.match(await answer.json(), { name: 'a', url: '/v2/42' })
  t.equal((await fetch(`${gateway.address}/nothing`)).status, 404)

  t.same(await (await fetch(`${gateway.admin}/live`)).json(), { live: true })
  const ready = await fetch(`${gateway.admin}/ready`)
  t.equal(ready.status, 200)
  t.match(await ready.json(), { ready: true, pools: { users: { up: 1, of: 1 } } })
  t.match(await (await fetch(`${gateway.admin}/status`)).json(), {
    version: /^\d/, pid: gateway.child.pid, generations: 1, pools: { users: { inFlight: 0, targets: [{ url, health: 'up', counters: { answered: 1 } }] } }
  })

  const underWay = fetch(`${gateway.address}/slow`)
  await new Promise(resolve => { setTimeout(resolve, 100) })
  const stopped = gateway.stop()
  await gateway.line(/^shutting down$/)
  t.equal((await fetch(`${gateway.admin}/ready`)).status, 503)
  t.equal(await (await underWay).text(), 'late')
  t.equal(await stopped, 0)
  t.ok(gateway.lines.every(line => typeof line['level'] === 'number'), 'every line is JSON')
})

t.test('a second signal ends it at once', async t => {
  const { url, server } = await upstream(t, () => {})
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0 }
    pools: { users: { targets: ["${url}"] } }
    routes: [{ pool: users }]
  `)
  const asked = once(server, 'request')
  const socket = connect(Number(new URL(gateway.address).port), '127.0.0.1', () => { socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n') })
  socket.on('error', () => {})
  t.teardown(() => { socket.destroy() })
  await asked
  const stopped = gateway.stop()
  await gateway.line(/^shutting down$/)
  gateway.child.kill('SIGINT')
  t.equal(await stopped, 1)
})

t.test('signals that come while it starts are heard: SIGHUP when it has, SIGTERM at once', async t => {
  const { address, replies, asked } = await nameServer(t)
  const { port } = await named(t, 'a')
  const file = join(await directory(t), 'gateway.yaml')
  await writeFile(file, `
    listen: { host: 127.0.0.1, port: 0 }
    pools: { users: { discovery: { type: dns, name: api.test, port: ${port}, servers: ["${address}"] }, discoveryTimeout: 20000 } }
    routes: [{ pool: users }]
  `)
  for (const signal of ['SIGHUP', 'SIGTERM'] as const) {
    asked.length = 0
    replies.set('A api.test', 'silence')
    const child = spawn(process.execPath, [BIN, 'start', file], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => { child.kill('SIGKILL') })
    const closed = once(child, 'close') as Promise<[number | null]>
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
    await until(() => asked.length > 0, PATIENCE)
    child.kill(signal)
    if (signal === 'SIGHUP') {
      replies.set('A api.test', [v4('127.0.0.1')])
      await until(() => /gateway started[^]*the configuration is as before/.test(stdout), PATIENCE)
      child.kill('SIGTERM')
    }
    const [code] = await closed
    t.equal(code, 0, signal)
    t.equal(stdout.includes('gateway started'), signal === 'SIGHUP')
  }
})

t.test('it starts without what its sources of discovery fail to say, and serves what it knows', async t => {
  const { url } = await named(t, 'a')
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0 }
    pools:
      users: { targets: ["${url}"], discovery: { type: file, path: ${join(await directory(t), 'missing.yaml')} }, discoveryTimeout: 1000 }
    routes: [{ pool: users }]
  `)
  t.equal((await fetch(gateway.address)).status, 200)
  t.equal(await gateway.stop(), 0)
})

t.test('a document that is emptied or broken in any way ends no gateway', async t => {
  const { url } = await named(t, 'a')
  const good = `listen: { host: 127.0.0.1, port: 0 }\npools: { users: { targets: ["${url}"] } }\nroutes: [{ pool: users }]\n`
  const gateway = await start(t, good, { args: ['--no-watch'] })
  for (const part of ['listen', 'log', 'workers', 'admin', 'shutdown', 'pools', 'routes', 'guards']) {
    await writeFile(gateway.file, `${part}:\n${good.split('\n').filter(line => !line.startsWith(part)).join('\n')}`)
    gateway.child.kill('SIGHUP')
    t.match(await gateway.line(/^the configuration /), { msg: /rejected/, path: part, line: 1 })
  }
  t.equal((await fetch(gateway.address)).status, 200)
  t.equal(await gateway.stop(), 0)
})

t.test('an output that nobody reads any more ends nothing', async t => {
  const { url } = await named(t, 'a')
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: 0 }
    pools: { users: { targets: ["${url}"] } }
    routes: [{ pool: users }]
  `)
  gateway.child.stdout?.destroy()
  for (let i = 0; i < 3; i++) t.equal((await fetch(gateway.address)).status, 200)
  t.equal(await gateway.stop(), 0)

  const child = spawn(process.execPath, [BIN, 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  child.stdout.destroy()
  const [code] = await once(child, 'close') as [number | null]
  t.same([code, stderr], [0, ''])
})

t.test('values come from the environment, and are shown in no message', async t => {
  const { url } = await named(t, 'a')
  const gateway = await start(t, `
    listen: { host: 127.0.0.1, port: "\${PORT}" }
    pools: { users: { targets: [{ url: "\${USERS}", weight: "\${WEIGHT:-3}" }] } }
    routes: [{ prefix: "/\${NOWHERE:-users}", pool: users }]
  `, { env: { PORT: '0', USERS: url } })
  t.equal((await fetch(`${gateway.address}/users`)).status, 200)
  t.equal(await gateway.stop(), 0)
})

t.test('what keeps it from starting is one line', async t => {
  const { port } = await upstream(t, () => {})
  const file = join(await directory(t), 'gateway.yaml')
  await writeFile(file, `listen:\n  host: 127.0.0.1\n  port: ${port}\npools: { a: { targets: ["http://127.0.0.1:1"] } }\nroutes: [{ pool: a }]\nlog: { level: silent }\n`)
  const taken = await run(['start', file])
  t.equal(taken.code, 1)
  t.equal(taken.stderr, `${file}:1:1: listen: 127.0.0.1:${port}: EADDRINUSE, somebody else listens there, must be free\n`)

  const none = await run(['start', join(file, '../nothing.yaml')])
  t.equal(none.code, 1)
  t.match(none.stderr, /nothing\.yaml: ENOENT, must be a file that can be read\n$/)
})

t.test('the command line says what is right', async t => {
  t.match(await run(['--help']), { code: 0, stdout: /Usage:/, stderr: '' })
  t.match(await run(['--version']), { code: 0, stdout: `${(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version}\n` })
  for (const [args, message] of [
    [[], /no command, must be one of start, check, print-defaults, schema/],
    [['serve'], /'serve' is not a command, must be one of/],
    [['start'], /no file, must be: fastify-balancer start gateway\.yaml/],
    [['check', 'a', 'b'], /'b' is one word too many/],
    [['start', 'a', '--workers', '0'], /--workers: '0', must be an integer from 1 to 256, or auto/],
    [['check', 'a', '--workers', '2'], /--workers is an option of start/],
    [['--wokers'], /Unknown option '--wokers'/]
  ] as const) {
    const { code, stderr } = await run(args)
    t.equal(code, 2)
    t.match(stderr, message)
  }
})
