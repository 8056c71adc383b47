import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { WebSocketServer, type WebSocket } from 'ws'
import balancer from '../../lib/index.js'
import { gateway, logged, until } from '../kit/index.js'
import { rawClient, values } from '../kit/raw.js'
import { echoed, echoing, handshake, inFlight, opened } from './kit.js'

async function ownWebSockets (app: FastifyInstance): Promise<void> {
  await app.register(websocket)
  await app.register(async scope => {
    scope.get('/own', { websocket: true }, socket => {
      socket.on('message', (data: Buffer) => { socket.send(`own ${String(data)}`) })
    })
  })
}

t.test('@fastify/websocket, registered before or after, has its routes and we have ours', async t => {
  const { url } = await echoing(t)
  for (const order of ['before', 'after'] as const) {
    const { app } = logged()
    t.teardown(async () => { await app.close() })
    if (order === 'before') await ownWebSockets(app)
    await app.register(balancer, { prefix: '/ws', targets: [url], websocket: true })
    if (order === 'after') await ownWebSockets(app)
    const front = await app.listen({ port: 0, host: '127.0.0.1' })
    const [ours, own] = [await opened(t, `${front}/ws/x`), await opened(t, `${front}/own`)]
    for (let i = 0; i < 3; i++) {
      t.same(await Promise.all([echoed(ours, `${i}`), echoed(own, `${i}`)]), [`${i}`, `own ${i}`], order)
    }
    await t.rejects(opened(t, `${front}/nowhere`), { message: /404/ })
    const client = await rawClient(t, Number(new URL(front).port))
    await client.send(handshake('/nowhere'))
    t.match(await client.responses('GET'), [{ status: 404 }])
    ours.close(4001)
    t.equal((await once(ours, 'close'))[0], 4001)
    own.terminate()
    await until(() => inFlight(app) === 0)
  }
})

t.test('a refusal of ours is a refusal beside @fastify/websocket as well, and the connection ends', async t => {
  const { url } = await echoing(t, { verifyClient: () => false })
  for (const order of ['before', 'after', 'encapsulated'] as const) {
    const { app } = logged()
    t.teardown(async () => { await app.close() })
    if (order === 'before') await ownWebSockets(app)
    await app.register(balancer, { prefix: '/ws', targets: [url], websocket: true })
    if (order === 'after') await ownWebSockets(app)
    // Its hooks, which end what it has not opened, are for that scope only; its listener is the server's.
    if (order === 'encapsulated') await app.register(async scope => { await ownWebSockets(scope) }, { prefix: '/in' })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = await rawClient(t, (app.server.address() as { port: number }).port)
    await client.send(handshake('/ws'))
    const [answer] = await client.responses('GET')
    t.equal(answer?.status, 401, order)
    t.same(values(answer?.fields ?? [], 'connection'), ['close'])
  }
})

t.test('two registrations, two prefixes', async t => {
  const [a, b] = [await echoing(t), await echoing(t)]
  const { app } = logged()
  t.teardown(async () => { await app.close() })
  await app.register(balancer, { prefix: '/a', targets: [a.url], websocket: true })
  await app.register(async scope => { await scope.register(balancer, { prefix: '/b', targets: [b.url], websocket: true }) }, { prefix: '/in' })
  await app.register(balancer, { prefix: '/c', targets: [b.url] })
  const front = await app.listen({ port: 0, host: '127.0.0.1' })
  const sockets = [await opened(t, `${front}/a`), await opened(t, `${front}/in/b/deep`)]
  t.same(await Promise.all(sockets.map(async (socket, i) => await echoed(socket, `${i}`))), ['0', '1'])
  t.same([a, b].map(({ requests }) => requests.map(({ url }) => url)), [['/'], ['/deep']])
  t.equal(app.server.listenerCount('upgrade'), 1)
  await t.rejects(opened(t, `${front}/c`))
})

t.test('an upgrade listener of the user has what it takes, at once or within a second', async t => {
  const { url } = await echoing(t)
  for (const delay of [0, 100]) {
    const wss = new WebSocketServer({ noServer: true })
    wss.on('connection', (socket: WebSocket) => { socket.on('message', data => { socket.send(`user ${String(data as Buffer)}`) }) })
    const { app, url: front } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true }, {
      before: app => {
        app.server.on('upgrade', (request, socket: Duplex, head) => {
          if (request.url !== '/mine') return
          const take = (): void => { wss.handleUpgrade(request, socket, head, socket => { wss.emit('connection', socket, request) }) }
          if (delay === 0) take()
          else setTimeout(take, delay)
        })
      }
    })
    const [mine, ours] = [await opened(t, `${front}/mine`), await opened(t, `${front}/ws`)]
    t.same([await echoed(mine, 'x'), await echoed(ours, 'x')], ['user x', 'x'])
    const started = performance.now()
    await t.rejects(opened(t, `${front}/nowhere`), { message: /404/ })
    t.ok(performance.now() - started >= 900, 'what nobody takes is answered after a second')
    const left = await rawClient(t, Number(new URL(front).port))
    await left.send(handshake('/nowhere'))
    left.destroy()
    mine.terminate()
    ours.terminate()
    await until(() => inFlight(app) === 0)
  }
})

t.test('a WebSocketServer on the same server refuses what is not at its path, ours as well; with noServer it does not', async t => {
  const { url } = await echoing(t)
  let wss: WebSocketServer | undefined
  const { url: front } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true }, {
    before: app => { wss = new WebSocketServer({ server: app.server, path: '/mine' }) }
  })
  wss?.on('connection', (socket: WebSocket) => { socket.on('message', data => { socket.send(`user ${String(data as Buffer)}`) }) })
  const mine = await opened(t, `${front}/mine`)
  t.equal(await echoed(mine, 'x'), 'user x')
  await t.rejects(opened(t, `${front}/ws`), { message: /400/ })
})
