import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Server, type ServerOptions } from 'socket.io'
import { io, type Socket } from 'socket.io-client'
import { gateway, until } from '../kit/index.js'
import { echoed, echoing, inFlight, opened } from './kit.js'

function answering (server: Server, who: string): void {
  server.on('connection', socket => { socket.on('ask', (word: string, answer: (reply: string) => void) => { answer(`${who} ${word}`) }) })
}

async function upstream (t: Test, options: Partial<ServerOptions> = {}): Promise<{ url: string, server: Server }> {
  const http = createServer()
  const server = new Server(http, options)
  answering(server, 'upstream')
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.teardown(async () => { await server.close() })
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, server }
}

async function connected (t: Test, url: string, options: Parameters<typeof io>[1]): Promise<Socket> {
  const socket = io(url, { forceNew: true, reconnection: false, ...options })
  t.teardown(() => { socket.disconnect() })
  await new Promise((resolve, reject) => {
    socket.once('connect', () => { resolve(undefined) })
    socket.once('connect_error', reject)
  })
  return socket
}

t.test('socket.io: polling with an upgrade, WebSocket only, polling only', async t => {
  const { url } = await upstream(t)
  const { app, url: front } = await gateway(t, { prefix: '/socket.io', rewritePrefix: '/socket.io', targets: [url], websocket: true })
  for (const [transports, last] of [[['polling', 'websocket'], 'websocket'], [['websocket'], 'websocket'], [['polling'], 'polling']] as const) {
    const socket = await connected(t, front, { transports: [...transports] })
    await until(() => socket.io.engine.transport.name === last)
    for (const word of ['a', 'b'.repeat(200_000)]) t.equal(await socket.emitWithAck('ask', word), `upstream ${word}`, transports.join(', '))
    socket.disconnect()
    await until(() => inFlight(app) === 0)
  }
})

t.test('a socket.io server of the app\'s own, with a path of its own, beside forwarded WebSockets', async t => {
  const [{ url }, echo] = [await upstream(t), await echoing(t)]
  let own: Server | undefined
  const { app, url: front } = await gateway(t, {
    pools: { theirs: { targets: [url] }, echo: { targets: [echo.url] } },
    routes: [{ prefix: '/theirs', pool: 'theirs', rewritePrefix: '/socket.io', websocket: true }, { prefix: '/ws', pool: 'echo', websocket: true }]
  }, {
    before: app => {
      own = new Server(app.server, { path: '/own', destroyUpgrade: false })
      answering(own, 'own')
      app.addHook('preClose', async () => { await own?.close() })
    }
  })
  for (const transports of [['websocket'], ['polling', 'websocket']]) {
    const sockets = [await connected(t, front, { path: '/own', transports }), await connected(t, front, { path: '/theirs', transports })]
    const plain = await opened(t, `${front}/ws`)
    await until(() => sockets.every(socket => socket.io.engine.transport.name === 'websocket'))
    t.same(await Promise.all(sockets.map(async socket => await socket.emitWithAck('ask', 'x') as string)), ['own x', 'upstream x'])
    t.equal(await echoed(plain, 'x'), 'x')
    for (const socket of sockets) socket.disconnect()
    plain.terminate()
    await until(() => inFlight(app) === 0)
  }
})
