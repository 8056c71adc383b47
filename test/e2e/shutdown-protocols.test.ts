import { once } from 'node:events'
import { Agent, request as httpsRequest } from 'node:https'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import type { FastifyServerOptions } from 'fastify'
import { named, until } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { pem } from '../kit/tls/index.js'
import { echoed, echoing, opened } from '../upgrade/kit.js'
import { closing, LONG, waiting } from './shutdown-kit.js'

const OVER_TLS = { https: { key: pem('key'), cert: pem('cert') } }

t.test('over TLS what is in flight finishes, and silent connections end after the linger, used before or not', async t => {
  const slow = await waiting(t)
  const { app, port, log, close } = await closing(t, { targets: [slow.url] }, { linger: 150, grace: LONG }, OVER_TLS as FastifyServerOptions)
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false })
  t.teardown(() => { agent.destroy() })
  const ask = async (): Promise<string | undefined> => await new Promise((resolve, reject) => {
    httpsRequest({ port, host: '127.0.0.1', agent }, response => {
      resolve(response.headers.connection)
      response.resume()
    }).on('error', reject).end()
  })
  const secure = async (): Promise<TLSSocket> => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    t.teardown(() => { socket.destroy() })
    await once(socket, 'secureConnect')
    socket.on('error', () => {}).resume()
    return socket
  }
  const used = await secure()
  used.write('GET / HTTP/1.1\r\nHost: g.test\r\n\r\n')
  await until(() => slow.pending.length === 1)
  slow.pending.pop()?.()
  await once(used, 'data')
  const unused = await secure()
  const bare = await rawClient(t, port)
  const answer = ask()
  await until(() => slow.pending.length === 1)
  const ended = Promise.all([once(used, 'close'), once(unused, 'close'), bare.ended()])
  const started = performance.now()
  const closed = close()
  await ended
  t.ok(performance.now() - started >= 145, 'not before')
  await until(() => !app.server.listening)
  slow.pending.pop()?.()
  t.equal(await answer, 'close')
  await closed
  t.match(log.find(({ msg }) => msg === 'shut down'), { cut: 0 })
})

t.test('over TLS a handshake that does not come to an end is cut at the end of the grace, and a request that waits gets a 503', async t => {
  const slow = await waiting(t)
  const { port, close } = await closing(t, { targets: [slow.url], timeouts: { grace: 0 } }, { linger: 20, grace: 200 }, OVER_TLS as FastifyServerOptions)
  const half = await rawClient(t, port)
  await half.send('\x16\x03\x01')
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => { received += text })
  socket.write('GET / HTTP/1.1\r\nHost: g.test\r\n\r\n')
  await until(() => slow.pending.length === 1)
  const cut = once(socket, 'close')
  await close()
  await Promise.all([cut, half.ended()])
  t.match(received, /^HTTP\/1.1 503 /)
})

for (const [protocol, server] of [['HTTP/2', { http2: true }], ['HTTP/2 over TLS', { http2: true, ...OVER_TLS }]] as const) {
  t.test(`${protocol}: sessions end with the last of their streams, idle ones at once`, async t => {
    const slow = await waiting(t)
    const { port, log, close } = await closing(t, { targets: [slow.url] }, { linger: 20, grace: LONG }, server as unknown as FastifyServerOptions)
    const sessions = await Promise.all([0, 1].map(async () => {
      const session = connectHttp2(`http${'https' in server ? 's' : ''}://127.0.0.1:${port}`, { rejectUnauthorized: false })
      t.teardown(() => { session.destroy() })
      await once(session, 'connect')
      return session
    }))
    const [idle, busy] = sessions
    if (idle === undefined || busy === undefined) throw new Error('no sessions')
    const stream = busy.request({ ':path': '/' })
    const headers = once(stream, 'response') as Promise<[Record<string, unknown>]>
    await until(() => slow.pending.length === 1)
    const away = [once(idle, 'goaway'), once(busy, 'goaway')]
    const ended = [once(idle, 'close'), once(busy, 'close')] as const
    const closed = close()
    await Promise.all(away)
    await ended[0]
    slow.pending.pop()?.()
    t.match((await headers)[0], { ':status': 200 })
    t.equal((await headers)[0]['connection'], undefined)
    let body = ''
    for await (const chunk of stream) body += String(chunk)
    t.equal(body, 'late')
    await Promise.all([ended[1], closed])
    t.match(log.find(({ msg }) => msg === 'shut down'), { cut: 0 })
  })

  t.test(`${protocol}: a request that waits gets a 503 at the end of the grace, and its session ends`, async t => {
    const slow = await waiting(t)
    const { port, log, close } = await closing(t, { targets: [slow.url], timeouts: { grace: 0 } }, { linger: 20, grace: 200 }, server as unknown as FastifyServerOptions)
    const session = connectHttp2(`http${'https' in server ? 's' : ''}://127.0.0.1:${port}`, { rejectUnauthorized: false })
    t.teardown(() => { session.destroy() })
    session.on('error', () => {})
    await once(session, 'connect')
    const stream = session.request({ ':path': '/' })
    const headers = once(stream, 'response') as Promise<[Record<string, unknown>]>
    stream.resume()
    await until(() => slow.pending.length === 1)
    const ended = once(session, 'close')
    await close()
    await ended
    t.match((await headers)[0], { ':status': 503 })
    t.match(log.find(({ msg }) => msg === 'shut down'), { cut: 0 })
  })
}

t.test('a WebSocket is not silence: it goes on past the linger, and closes with 1001 at the grace', async t => {
  const a = await named(t, 'a')
  const { url } = await echoing(t)
  const { port, log, close } = await closing(t, {
    pools: { a: { targets: [a.url] }, ws: { targets: [url], timeouts: { grace: 400 } } },
    routes: [{ prefix: '/a', pool: 'a' }, { prefix: '/ws', pool: 'ws', websocket: true }]
  }, { linger: 50, grace: 500 })
  const open = await opened(t, `http://127.0.0.1:${port}/ws`)
  t.equal(await echoed(open, 'before'), 'before')
  const closed = close()
  const late = await opened(t, `http://127.0.0.1:${port}/ws`)
  t.equal(await echoed(late, 'new'), 'new', 'one that opens within the linger')
  await new Promise(resolve => { setTimeout(resolve, 150) })
  t.equal(await echoed(open, 'after'), 'after')
  t.same((await Promise.all([once(open, 'close'), once(late, 'close')])).map(([code]) => code as number), [1001, 1001])
  await closed
  t.match(log.find(({ msg }) => msg === 'shut down'), { cut: 0 })
})

t.test('a WebSocket whose pool would let it go on closes with 1001 at the end of the grace all the same', async t => {
  const { url } = await echoing(t)
  const { port, log, close } = await closing(t, { prefix: '/ws', targets: [url], websocket: true, timeouts: { grace: 0 } }, { linger: 20, grace: 200 })
  const open = await opened(t, `http://127.0.0.1:${port}/ws`)
  open.on('error', () => {})
  const ended = once(open, 'close')
  await close()
  t.equal((await ended)[0], 1001)
  t.match(log.find(({ msg }) => msg === 'shut down'), { cut: 0 })
})
