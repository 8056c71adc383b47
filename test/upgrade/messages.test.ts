import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import t from 'tap'
import { WebSocket as UndiciWebSocket } from 'undici'
import type { WebSocket } from 'ws'
import { gateway, until } from '../kit/index.js'
import { echoed, echoing, inFlight, opened } from './kit.js'

t.test('many messages of all sizes come back whole and in order, text and binary', async t => {
  const { url } = await echoing(t)
  const { url: front } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true })
  for (const perMessageDeflate of [false, true]) {
    const socket = await opened(t, `${front}/ws`, [], { perMessageDeflate })
    const messages = Array.from({ length: 500 }, (_, i) => i % 50 === 0 ? randomBytes(200_000) : i % 2 === 0 ? randomBytes(i) : `text ${i}`)
    const received: Array<Buffer | string> = []
    socket.on('message', (data, isBinary) => { received.push(isBinary ? data as Buffer : String(data as Buffer)) })
    for (const message of messages) socket.send(message)
    await until(() => received.length === messages.length, 15_000)
    t.same(received.map(String), messages.map(String))
    const huge = randomBytes(20_000_000)
    socket.send(huge)
    await until(() => received.length === messages.length + 1, 15_000)
    t.ok((received.at(-1) as Buffer).equals(huge))
    socket.terminate()
  }
})

t.test('fragments, pings and pongs, and compression are between the two ends', async t => {
  const { url, wss } = await echoing(t, { perMessageDeflate: { threshold: 0 } })
  const { url: front } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true })
  const socket = await opened(t, `${front}/ws`, [], { perMessageDeflate: { threshold: 0 } })
  t.match(socket.extensions, 'permessage-deflate')
  const [upstream] = wss.clients
  t.match(upstream?.extensions, 'permessage-deflate')
  const answer = once(socket, 'message')
  socket.send('a', { fin: false })
  socket.send('b', { fin: false })
  socket.ping('between')
  socket.send('c', { fin: true })
  t.equal(String((await once(socket, 'pong'))[0]), 'between')
  t.equal(String((await answer)[0]), 'abc')
  const ping = once(socket, 'ping')
  upstream?.ping('from the upstream')
  t.equal(String((await ping)[0]), 'from the upstream')
  t.equal(String((await once(upstream as WebSocket, 'pong'))[0]), 'from the upstream')
  t.equal(await echoed(socket, 'x'.repeat(100_000)), 'x'.repeat(100_000))
})

t.test('close codes and reasons pass both ways', async t => {
  const { url, wss } = await echoing(t)
  const { app, url: front } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true })
  for (const [code, reason] of [[1000, ''], [1000, 'done'], [1011, 'broken'], [4321, 'ü'.repeat(61)], [undefined, '']] as const) {
    for (const side of ['client', 'upstream'] as const) {
      const client = await opened(t, `${front}/ws`)
      const [upstream] = wss.clients
      const ends = { client, upstream: upstream as WebSocket }
      const closed = Promise.all(Object.values(ends).map(async end => await once(end, 'close')))
      if (code === undefined) ends[side].close()
      else ends[side].close(code, reason)
      for (const [got, why] of await closed) t.same([got, String(why)], [code ?? 1005, reason], `${code} from the ${side}`)
      await until(() => inFlight(app) === 0)
    }
  }
})

t.test('an abrupt end of either side ends the other at once', async t => {
  const { url, wss } = await echoing(t)
  const { app, url: front, log } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true })
  for (const side of ['client', 'upstream'] as const) {
    for (const way of ['terminate', 'resetAndDestroy'] as const) {
      const client = await opened(t, `${front}/ws`)
      const [upstream] = wss.clients
      const ends = { client, upstream: upstream as WebSocket }
      client.on('error', () => {})
      const other = once(ends[side === 'client' ? 'upstream' : 'client'], 'close')
      if (way === 'terminate') ends[side].terminate()
      else (ends[side] as unknown as { _socket: { resetAndDestroy: () => void } })._socket.resetAndDestroy()
      t.equal((await other)[0], 1006, `${way} of the ${side}`)
      await until(() => inFlight(app) === 0)
    }
  }
  t.match(app.upstreams['ws']?.targets[0], { counters: { attempts: 4, answered: 4, faults: 0 } })
  t.same(log.filter(({ level }) => level > 30), [])
  await until(() => log.filter(({ msg }) => msg === 'WebSocket closed').length === 4)
})

t.test('a browser\'s WebSocket: open, messages, subprotocol, close', async t => {
  const { url } = await echoing(t)
  const { url: front } = await gateway(t, { prefix: '/ws', targets: [url], websocket: true })
  const kinds = [UndiciWebSocket, (globalThis as { WebSocket?: typeof UndiciWebSocket }).WebSocket].filter(kind => kind !== undefined)
  for (const Kind of kinds) {
    const socket = new Kind(`${front.replace('http', 'ws')}/ws?x=1`, ['a', 'b'])
    socket.binaryType = 'arraybuffer'
    await new Promise((resolve, reject) => {
      socket.onopen = resolve
      socket.onerror = reject
    })
    t.equal(socket.protocol, 'b')
    for (const message of ['hello', new Uint8Array([1, 2, 3])]) {
      const answer = new Promise<unknown>(resolve => { socket.onmessage = ({ data }) => { resolve(data) } })
      socket.send(message)
      t.same(await answer, typeof message === 'string' ? message : message.buffer)
    }
    const closed = new Promise<{ code: number, wasClean: boolean }>(resolve => { socket.onclose = resolve })
    socket.close(3000, 'bye')
    t.match(await closed, { code: 3000, wasClean: true })
  }
})
