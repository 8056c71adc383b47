import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { REFUSING } from '../kit/index.js'
import { echoing, opened } from '../upgrade/kit.js'
import { both } from './kit.js'

interface Handshake {
  readonly protocol: string
  readonly offered: string | undefined
  readonly headers: IncomingHttpHeaders
}

/** A handshake by each plugin, as the client and the upstream see it. */
async function pair (t: Test, options: Record<string, unknown> = {}): Promise<Handshake[]> {
  const { url, requests } = await echoing(t)
  const { theirs, ours } = await both(t, { upstream: url, websocket: true, ...options })
  const seen: Handshake[] = []
  for (const front of [theirs, ours]) {
    const socket = await opened(t, `${front.url}/x`, ['a', 'b'], { headers: { authorization: 'Bearer x', cookie: 'a=1' } })
    // @fastify/http-proxy opens the other half later.
    socket.send('x')
    await once(socket, 'message')
    const headers = requests.at(-1)?.headers ?? {}
    seen.push({ protocol: socket.protocol, offered: headers['sec-websocket-protocol'], headers })
  }
  return seen
}

/** What a client is told by a gateway without an upstream: the status, and whether it was ever open. */
async function refused (url: string): Promise<{ status: string | undefined, open: boolean }> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'))
  let open = false
  let status: string | undefined
  socket.on('open', () => { open = true })
  socket.on('error', ({ message }) => { status = /\d{3}$/.exec(message)?.[0] })
  await new Promise(resolve => { socket.on('close', resolve) })
  return { status, open }
}

export const DIFFERENCES: Record<string, (t: Test) => Promise<void>> = {
  async 'A WebSocket is open once its upstream is' (t) {
    const { theirs, ours } = await both(t, { upstream: REFUSING, websocket: true })
    t.same(await refused(theirs.url), { status: undefined, open: true })
    t.same(await refused(ours.url), { status: '502', open: false })
  },
  async 'WebSockets carry all headers' (t) {
    const [theirs, ours] = await pair(t)
    t.match(theirs?.headers, { cookie: 'a=1' })
    t.notOk('authorization' in (theirs?.headers ?? {}))
    t.match(ours?.headers, { cookie: 'a=1', authorization: 'Bearer x' })
  },
  async 'All subprotocols are offered' (t) {
    const [theirs, ours] = await pair(t)
    t.match(theirs, { protocol: 'a', offered: 'a' })
    t.match(ours, { protocol: 'b', offered: 'a,b' })
  },
  async 'replyOptions see WebSockets' (t) {
    const [theirs, ours] = await pair(t, {
      replyOptions: { rewriteRequestHeaders: (_request: FastifyRequest, headers: IncomingHttpHeaders) => ({ ...headers, 'x-by': 'options' }) }
    })
    t.same([theirs?.headers['x-by'], ours?.headers['x-by']], [undefined, 'options'])
  }
}
