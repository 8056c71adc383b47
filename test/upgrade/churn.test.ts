import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { WebSocket } from 'ws'
import { gateway, REFUSING, until } from '../kit/index.js'
import { echoing, handshake, inFlight } from './kit.js'

/** Repeatable chance (mulberry32; Tommy Ettinger, public domain). */
function dice (seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

t.test('a thousand WebSockets, opened and closed in every way, leave nothing behind', async t => {
  const echoes = [await echoing(t), await echoing(t, { verifyClient: ({ req }: { req: { url?: string } }) => req.url !== '/maybe' })]
  const { app, url, port, log } = await gateway(t, { prefix: '/ws', targets: [REFUSING, ...echoes.map(({ url }) => url)], websocket: true, timeouts: { grace: 100 } })
  let open = 0
  app.server.on('connection', socket => {
    open++
    socket.once('close', () => { open-- })
  })
  const random = dice(1)
  const ways: Array<() => Promise<unknown>> = [
    async () => {
      // A flood: some leave before the answer, some in the middle of the handshake.
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      await once(socket, 'connect')
      socket.write(random() < 0.5 ? handshake('/ws') : handshake('/ws').slice(0, 50))
      if (random() < 0.5) await new Promise(resolve => { setTimeout(resolve, random() * 10) })
      if (random() < 0.5) socket.resetAndDestroy()
      else socket.destroy()
    },
    async () => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/${random() < 0.2 ? 'maybe' : 'x'}`).on('error', () => {})
      const closed = new Promise(resolve => { socket.on('close', resolve) })
      socket.on('open', () => {
        socket.send(Buffer.alloc(random() * 100_000))
        const way = random()
        if (way < 0.3) socket.close(1000, 'done')
        else if (way < 0.5) socket.terminate()
        else if (way < 0.7) socket.on('message', () => { socket.close() })
        else if (way < 0.8) (socket as unknown as { _socket: { resetAndDestroy: () => void } })._socket.resetAndDestroy()
        else {
          for (const client of echoes[way < 0.9 ? 0 : 1]?.wss.clients ?? []) client.terminate()
          socket.close()
        }
      })
      await closed
    }
  ]
  for (let i = 0; i < 1000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, async () => { await ways[random() < 0.3 ? 0 : 1]?.() }))
  }
  await until(() => inFlight(app) === 0)
  await until(() => open === 0)
  for (const { wss } of echoes) await until(() => wss.clients.size === 0)
  t.same(log.filter(({ level, msg }) => level > 40 || (level > 30 && msg !== 'request could not be forwarded' && msg !== 'target is down')), [])
  const refusing = app.upstreams['ws']?.targets[0]?.counters
  t.equal(refusing?.faults, refusing?.unsent, 'only the one that refuses is to blame')
  t.same(app.upstreams['ws']?.targets.slice(1).map(({ counters }) => counters.faults), [0, 0])
  const answered = app.upstreams['ws']?.targets.slice(1).reduce((sum, { counters }) => sum + counters.answered, 0) ?? 0
  t.ok(answered > 500, `${answered} were answered`)
})
