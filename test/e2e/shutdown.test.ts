import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { PassThrough } from 'node:stream'
import Fastify from 'fastify'
import t from 'tap'
import { readinessHandler } from '../../lib/readiness.js'
import { isClosing, shutdown, type ShutdownOptions } from '../../lib/shutdown.js'
import { VirtualClock } from '../kit/clock.js'
import { logged, named, until, upstream } from '../kit/index.js'
import { rawClient, values, type RawClient } from '../kit/raw.js'
import { closing, LONG, serverCloses, waiting } from './shutdown-kit.js'

async function ask (client: RawClient, path = '/'): Promise<{ status: number | undefined, connection: string | undefined }> {
  await client.send(`GET ${path} HTTP/1.1\r\nHost: g.test\r\n\r\n`)
  const response = await client.response()
  return { status: response?.status, connection: response === undefined ? undefined : values(response.fields, 'connection')[0]?.toLowerCase() }
}

const KEPT = { status: 200, connection: 'keep-alive' }
const LAST = { status: 200, connection: 'close' }

t.test('what is in flight finishes, and its answer ends the connection', async t => {
  const slow = await waiting(t)
  const { app, port, log, close } = await closing(t, { targets: [slow.url] }, { linger: 20 })
  const client = await rawClient(t, port)
  const answer = ask(client)
  await until(() => slow.pending.length === 1)
  const closed = close()
  await until(() => !app.server.listening)
  slow.pending.forEach(answer => { answer() })
  t.same(await answer, LAST)
  t.equal(await client.ended(), 'end')
  await closed
  t.match(log.filter(({ msg }) => msg === 'shutting down' || msg === 'shut down'), [{ level: 30, msg: 'shutting down' }, { level: 30, msg: 'shut down', cut: 0 }])
})

t.test('every answer ends its connection from the beginning: forwarded, of the app, not found, failed', async t => {
  const a = await named(t, 'a')
  const { port, close } = await closing(t, { prefix: '/api', targets: [a.url] }, { delay: LONG, grace: LONG + 1 }, {
    before: app => {
      app.get('/own', async () => 'own')
      app.register(async scope => { scope.get('/scope', async (_request, reply) => reply.header('connection', 'keep-alive').send('own')) })
      app.get('/fails', async () => { throw new Error('failed') })
    }
  })
  const paths = [['/api/x', 200], ['/own', 200], ['/scope', 200], ['/none', 404], ['/fails', 500]] as const
  for (const [path, status] of paths) t.same(await ask(await rawClient(t, port), path), { status, connection: 'keep-alive' }, path)
  void close()
  for (const [path, status] of paths) t.same(await ask(await rawClient(t, port), path), { status, connection: 'close' }, path)
})

t.test('an app that shuts down is not ready, and serves everything during the delay', async t => {
  const a = await named(t, 'a')
  const { app, port, close } = await closing(t, { prefix: '/api', targets: [a.url] }, { delay: LONG, grace: LONG + 1 }, {
    before: app => {
      app.get('/ready', readinessHandler({ closing: () => isClosing(app) }))
      app.register(async scope => { scope.get('/ready-too', readinessHandler({ closing: () => isClosing(scope) })) })
    }
  })
  const idle = await rawClient(t, port)
  t.same(await ask(idle, '/api/x'), KEPT)
  t.equal(isClosing(app), false)
  t.same(await ask(await rawClient(t, port), '/ready'), KEPT)
  void close()
  t.equal(isClosing(app), true)
  for (const path of ['/ready', '/ready-too']) t.same(await ask(await rawClient(t, port), path), { status: 503, connection: 'close' })
  t.same(await ask(await rawClient(t, port), '/api/x'), LAST, 'on a new connection')
  t.same(await ask(idle, '/api/x'), LAST, 'on a kept one')
})

t.test('who sends a request on an idle connection within the linger gets an answer; who is silent is let go after it', async t => {
  const a = await named(t, 'a')
  const slow = await waiting(t)
  const { app, port, request, close } = await closing(t, {
    pools: { a: { targets: [a.url] }, slow: { targets: [slow.url] } }, routes: [{ prefix: '/a', pool: 'a' }, { prefix: '/slow', pool: 'slow' }]
  }, { linger: 400 })
  const [busy, silent, fresh] = [await rawClient(t, port), await rawClient(t, port), await rawClient(t, port)]
  t.same(await ask(busy, '/a'), KEPT)
  t.same(await ask(silent, '/a'), KEPT)
  const late = request('/slow')
  await until(() => slow.pending.length === 1)
  const started = performance.now()
  const closed = close()
  const unused = await rawClient(t, port)
  t.same(await ask(busy, '/a'), LAST)
  t.equal(await busy.ended(), 'end')
  t.equal(silent.ending, undefined)
  t.equal(await silent.ended(), 'end')
  t.ok(performance.now() - started >= 395, 'not before')
  for (const client of [fresh, unused]) t.equal(await client.ended(), 'end', 'nothing has ever come on it')
  t.same([silent, fresh, unused].map(({ unfinished }) => unfinished), ['', '', ''], 'nobody gets a 503')
  await until(() => !app.server.listening)
  t.equal(await new Promise<number>(resolve => { app.server.getConnections((_error, count) => { resolve(count) }) }), 1, 'the only one left is busy')
  slow.pending.forEach(answer => { answer() })
  t.equal(await (await late).body.text(), 'late')
  await closed
})

t.test('a hundred idle connections hold nothing up', async t => {
  const a = await named(t, 'a')
  const { port, log, close } = await closing(t, { targets: [a.url] }, { linger: 100 })
  const clients = await Promise.all(Array.from({ length: 100 }, async () => await rawClient(t, port)))
  for (const client of clients.slice(0, 50)) t.same(await ask(client), KEPT)
  const started = performance.now()
  await close()
  t.ok(performance.now() - started < 2000)
  t.same(await Promise.all(clients.map(async client => await client.ended())), Array(100).fill('end'))
  t.match(log.find(({ msg }) => msg === 'shut down'), { cut: 0 })
})

t.test('a connection whose answer had begun before is let go when it has been silent after it', async t => {
  let finish: (() => void) | undefined
  const { url } = await upstream(t, (_request, response) => {
    response.write('begun, ')
    finish = () => { response.end('done') }
  })
  const { app, port, close } = await closing(t, { targets: [url] }, { linger: 100, grace: LONG })
  const client = await rawClient(t, port)
  await client.send('GET / HTTP/1.1\r\nHost: g.test\r\n\r\n')
  await client.when(() => client.received.includes('begun') || undefined)
  const closes = serverCloses(app)
  const closed = close()
  await closes
  finish?.()
  t.equal((await client.response())?.body, 'begun, done')
  t.equal(await client.ended(), 'end')
  await closed
})

t.test('a request behind an answer that had begun before is turned down or served, as the app says, once the app closes', async t => {
  for (const [return503OnClosing, expected] of [[true, { status: 503, connection: 'close' }], [false, LAST]] as const) {
    const stream = new PassThrough()
    const { app, port, close } = await closing(t, { prefix: '/api', targets: ['http://127.0.0.1:1'] }, { linger: 1000, grace: LONG }, {
      return503OnClosing,
      before: app => {
        app.get('/stream', async (_request, reply) => await reply.send(stream))
        app.get('/own', async () => 'own')
      }
    })
    const client = await rawClient(t, port)
    await client.send('GET /stream HTTP/1.1\r\nHost: g.test\r\n\r\n')
    stream.write('begun, ')
    await client.when(() => client.received.includes('begun') || undefined)
    const closes = serverCloses(app)
    const closed = close()
    await closes
    stream.end('done')
    t.equal((await client.response())?.body, 'begun, done')
    t.same(await ask(client, '/own'), expected)
    await closed
  }
})

t.test('the delay comes before the linger, and no timer is left', async t => {
  const clock = new VirtualClock()
  const { app, close } = await closing(t, { targets: ['http://127.0.0.1:1'] }, { delay: 1000, linger: 300, grace: 2000, clock } as ShutdownOptions)
  const closed = close()
  await clock.advance(1299)
  t.equal(app.server.listening, true)
  await clock.advance(1)
  await closed
  t.equal(clock.pending, 0)
})

t.test('requests that are pipelined behind another one are answered, and the last answer ends the connection', async t => {
  const slow = await waiting(t)
  const { port, close } = await closing(t, { targets: [slow.url] }, { linger: 100 })
  const client = await rawClient(t, port)
  await client.send('GET /1 HTTP/1.1\r\nHost: g.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: g.test\r\n\r\n')
  await until(() => slow.pending.length === 2)
  const closed = close()
  slow.pending.forEach(answer => { answer() })
  const answers = await client.responses('GET', 'GET')
  t.same(answers.map(answer => [answer.status, values(answer.fields, 'connection')[0]?.toLowerCase()]), [[200, 'keep-alive'], [200, 'close']])
  await closed
})

t.test('a client that reads slowly gets the whole of an answer that was written before the app closes', async t => {
  const size = 20_000_000
  const { app, port, close } = await closing(t, { prefix: '/api', targets: ['http://127.0.0.1:1'] }, { linger: 20, grace: LONG }, {
    before: app => {
      app.get('/big', async () => Buffer.alloc(size))
    }
  })
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  await once(socket, 'connect')
  socket.pause()
  const answered = once(app.server, 'request') as Promise<[IncomingMessage, ServerResponse]>
  socket.write('GET /big HTTP/1.1\r\nHost: g.test\r\n\r\n')
  const [, response] = await answered
  await until(() => response.writableEnded)
  let over = false
  const closed = close().then(() => { over = true })
  await new Promise(resolve => { setTimeout(resolve, 200) })
  t.equal(over, false)
  await t.rejects(rawClient(t, port), { code: 'ECONNREFUSED' }, 'who is new is refused, and can try elsewhere, where a reset would leave it in doubt')
  let bytes = 0
  socket.on('data', (chunk: Buffer) => { bytes += chunk.length })
  socket.resume()
  await once(socket, 'end')
  t.ok(bytes > size, `${bytes} bytes`)
  await closed
})

t.test('a stream of events ends cleanly at the grace, whichever grace it is', async t => {
  for (const [grace, pool] of [[LONG, 200], [500, 450], [300, 300]] as const) {
    const { url } = await upstream(t, (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    const { port, close, log } = await closing(t, { targets: [url], timeouts: { grace: pool } }, { linger: 100, grace })
    const client = await rawClient(t, port)
    await client.send('GET / HTTP/1.1\r\nHost: g.test\r\n\r\n')
    await client.when(() => client.received.includes('data: 1') || undefined)
    const started = performance.now()
    const closed = close()
    const response = await client.response()
    t.equal(response?.framing, 'chunked')
    t.equal(response?.body, 'data: 1\n\n')
    t.ok(performance.now() - started >= Math.min(grace, pool) - 5, 'not before')
    await closed
    t.match(log.find(({ msg }) => msg === 'shut down'), { cut: 0 }, `grace ${grace}, of the pool ${pool}`)
  }
})

t.test('at the end of the grace half a request is cut, and one that waits for its answer gets a 503, whatever the grace of its pool', async t => {
  const slow = await waiting(t)
  const { port, log, close } = await closing(t, { targets: [slow.url], timeouts: { grace: 0 } }, { linger: 50, grace: 300 })
  const [half, unanswered] = [await rawClient(t, port), await rawClient(t, port)]
  await half.send('GET / HTTP/1.1\r\nHo')
  await unanswered.send('GET / HTTP/1.1\r\nHost: g.test\r\n\r\n')
  await until(() => slow.pending.length === 1)
  const started = performance.now()
  await close()
  const took = performance.now() - started
  t.ok(took >= 295 && took < 2300, `${took} ms`)
  await Promise.all([half.ended(), unanswered.ended()])
  t.match(unanswered.received, /^HTTP\/1.1 503 .*\r\nconnection: close\r\n/is)
  t.match(log.find(({ msg }) => msg === 'shut down'), { cut: 1 })
})

t.test('an app that closes by itself is closing too, and its shutdown leaves no listener behind', async t => {
  const before = process.listenerCount('SIGTERM')
  const slow = await waiting(t)
  const { app, port, close } = await closing(t, { targets: [slow.url] }, { signals: ['SIGTERM'], linger: 20 })
  t.equal(process.listenerCount('SIGTERM'), before + 1)
  const [client, fresh] = [await rawClient(t, port), await rawClient(t, port)]
  const answer = ask(client)
  await until(() => slow.pending.length === 1)
  const closed = app.close()
  await until(() => !app.server.listening)
  t.equal(isClosing(app), true)
  t.equal(await fresh.ended(), 'end')
  slow.pending.forEach(answer => { answer() })
  t.same(await answer, LAST)
  await closed
  t.equal(process.listenerCount('SIGTERM'), before)
  await close()
  t.equal(process.listenerCount('SIGTERM'), before)
})

t.test('a close during the delay ends the delay', async t => {
  const { app, close } = await closing(t, { targets: ['http://127.0.0.1:1'] }, { delay: LONG, grace: LONG })
  const closed = close()
  await app.close()
  await closed
})

t.test('an app that does not listen closes at once, with or without the plugin, and twice is once', async t => {
  const { app, log } = logged()
  const close = shutdown(app, { signals: [], delay: LONG, grace: LONG })
  const [first, second] = [close(), close()]
  await Promise.all([first, second])
  await close()
  t.equal(log.filter(({ msg }) => msg === 'shut down').length, 1)
  t.equal((await app.inject('/').catch((error: Error) => error) as Error).name, 'FastifyError')
})

t.test('injected requests are answered like others', async t => {
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  const close = shutdown(app, { signals: [], delay: LONG, grace: LONG })
  app.get('/', async () => 'own')
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.equal((await app.inject('/')).headers.connection, 'keep-alive')
  void close()
  t.equal((await app.inject('/')).headers.connection, 'close')
})

t.test('a close that fails rejects and is logged', async t => {
  const { app, log } = logged()
  const close = shutdown(app, { signals: [], linger: 0 })
  app.addHook('onClose', async () => { throw new Error('the database is stuck') })
  await app.listen({ port: 0, host: '127.0.0.1' })
  await t.rejects(close(), { message: 'the database is stuck' })
  t.match(log.find(({ msg }) => msg === 'could not shut down'), { level: 50, err: { message: 'the database is stuck' } })
})

t.test('options that can not work are refused, and so is a second shutdown', async t => {
  const { app } = logged()
  const refuses = (options: unknown, message: RegExp): void => {
    t.throws(() => shutdown(app, options as ShutdownOptions), { code: 'FST_BALANCER_BAD_OPTION', message })
  }
  refuses(null, /^options: null, must be an object/)
  refuses({ signals: ['SIGKILL'] }, /^signals\[0\]: 'SIGKILL', must be a signal that a process can catch/)
  refuses({ signals: 'SIGTERM' }, /^signals: 'SIGTERM', must be a list/)
  refuses({ delay: -1 }, /^delay: -1, must be >= 0/)
  refuses({ delay: 15_000 }, /^delay: 15000, must not be longer than grace, which is 10000/)
  refuses({ linger: '1s' }, /^linger: '1s', must be a finite number/)
  refuses({ grace: 2 ** 31 - 1 }, /^grace: 2147483647, must be <= 2147483447/)
  refuses({ exit: 1 }, /^exit: 1, must be true or false/)
  refuses({ timeout: 1 }, /^timeout: unknown option, allowed are signals, delay, linger, grace, exit$/)
  const before = process.listenerCount('SIGTERM')
  shutdown(app)
  refuses({}, /^app: has a shutdown already/)
  t.equal(process.listenerCount('SIGTERM'), before + 1)
  await app.close()
  t.equal(process.listenerCount('SIGTERM'), before)
  t.equal(isClosing(Fastify()), false, 'an app without one')
})
