import { once } from 'node:events'
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { Agent, request as ask } from 'undici'
import { WebSocket, WebSocketServer } from 'ws'
import { named, REFUSING, upstream } from '../kit/index.js'
import { directory, replace, start } from './kit.js'

/** Milliseconds between two requests of the load: 200 a second. */
const PACE = 5

interface Target { readonly url: string, readonly health: string, readonly counters: { readonly attempts: number } }
interface Status { readonly generations: number, readonly reloads: number, readonly pools: Record<string, { readonly targets: readonly Target[] }> }

async function until (condition: () => Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise(resolve => { setTimeout(resolve, 20) })
}

t.test('fifty reloads under load, every third one broken, lose no request and nothing that was known', async t => {
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const events = await upstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: begin\n\n')
    const timer = setInterval(() => { response.write('data: more\n\n') }, 20)
    response.once('close', () => { clearInterval(timer) })
  })
  const sockets = await upstream(t, (_request, response) => { response.end() })
  new WebSocketServer({ server: sockets.server }).on('connection', socket => { socket.on('message', data => { socket.send(String(data)) }) })

  const document = (i: number): string => `
    listen: { host: 127.0.0.1, port: 0 }
    log: { requests: false }
    admin: { port: 0 }
    pools:
      turns: { targets: ["${a.url}", "${b.url}"], timeouts: { headers: ${20_000 + i} } }
      load:
        targets: ["${a.url}", "${b.url}", "${REFUSING}"]
        health: { path: /, interval: 60000, fall: 1 }
        breaker: false
        limits: { queue: ${300 + i} }
      events: { targets: ["${events.url}"] }
      sockets: { targets: ["${sockets.url}"] }
    routes:
      - { prefix: /turns, pool: turns }
      - { prefix: /load, pool: load }
      - { prefix: /events, pool: events }
      - { prefix: /sockets, pool: sockets, websocket: true }
      - { prefix: "/extra-${i}", pool: turns }
  `
  const broken = (i: number): string => document(i).replace('/load, pool: load', '/load, pool: lode')
  const gateway = await start(t, document(0), { args: ['--no-watch'] })
  const status = async (): Promise<Status> => await (await fetch(`${gateway.admin}/status`)).json() as Status
  const dead = async (): Promise<Target | undefined> => (await status()).pools['load']?.targets.find(({ url }) => url === REFUSING)
  await until(async () => (await dead())?.health === 'down')
  const { counters: { attempts } } = await dead() as Target

  const socket = new WebSocket(`${gateway.address.replace('http', 'ws')}/sockets`)
  await once(socket, 'open')
  let echoed = 0
  socket.on('message', () => { echoed++ })
  const streaming = request(`${gateway.address}/events`, { agent: false }).end()
  const [stream] = await once(streaming, 'response') as [IncomingMessage]
  let streamed = 0
  let streamEnded = false
  stream.on('data', () => { streamed++ }).once('close', () => { streamEnded = true }).on('error', () => {})
  t.teardown(() => {
    socket.terminate()
    streaming.destroy()
  })

  const running = new AbortController()
  const failures: string[] = []
  let requests = 0
  const dispatcher = new Agent({ connections: 20 })
  // With a connection of its own it does not wait behind the load.
  const alone = new Agent({ connections: 1 })
  t.teardown(async () => { await Promise.all([dispatcher.destroy(), alone.destroy()]) })
  const get = async (path: string, dispatcher: Agent): Promise<string> => {
    requests++
    try {
      const { statusCode, body } = await ask(gateway.address + path, { dispatcher })
      const text = await body.text()
      if (statusCode !== 200) failures.push(`${path}: ${statusCode} ${text}`)
      return text
    } catch (error) {
      failures.push(`${path}: ${String(error)}`)
      return ''
    }
  }
  const load = (async () => {
    const pending = new Set<Promise<unknown>>()
    while (!running.signal.aborted) {
      const one: Promise<unknown> = get('/load', dispatcher).finally(() => { pending.delete(one) })
      pending.add(one)
      await new Promise(resolve => { setTimeout(resolve, PACE) })
    }
    await Promise.all(pending)
  })()
  const turns: string[] = []
  const serial = (async () => {
    while (!running.signal.aborted) turns.push((JSON.parse(await get('/turns', alone) || '{}') as { name: string }).name)
  })()

  let rejected = 0
  for (let i = 1; i <= 50; i++) {
    await replace(gateway.file, i % 3 === 0 ? broken(i) : document(i))
    gateway.child.kill('SIGHUP')
    const line = await gateway.line(/^the configuration was (?:read anew|rejected)/)
    if (i % 3 !== 0) {
      t.match(line.msg, /read anew/)
      continue
    }
    rejected++
    t.match(line, { line: 16, column: 32, path: 'routes[1].pool', reason: "'lode' is not a pool, must be one of turns, load, events, sockets" })
  }
  running.abort()
  await Promise.all([load, serial])

  t.same(failures, [], `${requests} requests`)
  t.ok(requests > 100)
  t.equal(rejected, 16)
  t.ok(turns.length > 20)
  t.ok(turns.every((name, i) => i === 0 || name !== turns[i - 1]), 'the two targets take turns without a break')
  t.match(await dead(), { health: 'down', counters: { attempts } }, 'the target that is down stayed down')
  t.equal(gateway.lines.filter(({ msg, pool }) => msg === 'target is down' && pool === 'load').length, 1)

  const before = [echoed, streamed]
  socket.send('still there')
  await once(socket, 'message')
  await once(stream, 'data')
  t.ok(echoed > (before[0] ?? 0) && streamed > (before[1] ?? 0), 'what was opened before goes on')
  t.notOk(streamEnded)

  // The first generation still has its stream and its WebSocket.
  await until(async () => (await status()).generations === 2)
  socket.close()
  streaming.destroy()
  await until(async () => (await status()).generations === 1)
  t.equal((await status()).reloads, 34)
  t.equal((await fetch(`${gateway.address}/extra-50`)).status, 200)
  t.equal((await fetch(`${gateway.address}/extra-1`)).status, 404)
  t.equal(await gateway.stop(), 0)
})

t.test('a file that is replaced is noticed, behind links as in a ConfigMap too', async t => {
  const { url } = await named(t, 'a')
  const path = await directory(t)
  const document = (prefix: string): string => `
    listen: { host: 127.0.0.1, port: 0 }
    pools: { a: { targets: ["${url}"] } }
    routes: [{ prefix: "${prefix}", pool: a }]
  `
  const data = async (name: string, text: string): Promise<void> => {
    await mkdir(join(path, name))
    await writeFile(join(path, name, 'gateway.yaml'), text)
    await symlink(name, join(path, '..data.new'))
    await rename(join(path, '..data.new'), join(path, '..data'))
  }
  await data('..1', document('/one'))
  const file = join(path, 'gateway.yaml')
  await symlink(join('..data', 'gateway.yaml'), file)
  const gateway = await start(t, '', { file })
  t.equal((await fetch(`${gateway.address}/one`)).status, 200)

  await data('..2', document('/two'))
  await gateway.line(/read anew/)
  t.equal((await fetch(`${gateway.address}/two`)).status, 200)
  t.equal((await fetch(`${gateway.address}/one`)).status, 404)

  await data('..3', 'pools: [')
  t.match(await gateway.line(/rejected/), { line: 1, file })
  t.equal((await fetch(`${gateway.address}/two`)).status, 200)
  t.equal(await gateway.stop(), 0)
})
