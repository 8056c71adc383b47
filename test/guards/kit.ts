/** A balanced route behind guards, and everything that a request would leave behind if it got past them. */
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { request as ask, type Dispatcher } from 'undici'
import type { BalancerOptions, Target } from '../../lib/index.js'
import { digest, gateway, until, type Gateway } from '../kit/index.js'
import { rawClient } from '../kit/raw.js'
import { echoed, echoing, handshake, opened } from '../upgrade/kit.js'

export interface Guarded extends Gateway {
  /** Times that a target was picked. */
  readonly picks: () => number
  /** Outcomes that an observer was told of. */
  readonly settled: () => number
  /** Requests that the upstream has seen, upgrades among them, and the bytes of their bodies. */
  readonly seen: () => { readonly requests: number, readonly upgrades: number, readonly bytes: number, readonly connections: number }
  /** What the upstream was sent last. */
  readonly last: () => Record<string, string | string[] | undefined>
  /** Fails unless all of this is as it was at the beginning. */
  readonly untouched: (message: string) => void
}

export type Fields = Record<string, string>

/** @param before registers what guards the route `/api` */
export async function guarded (
  t: Test,
  before: (app: FastifyInstance) => unknown,
  options: Partial<BalancerOptions> = {},
  fastifyOptions: FastifyServerOptions = {}
): Promise<Guarded> {
  let [requests, upgrades, bytes, connections, picks, settled] = [0, 0, 0, 0, 0, 0]
  let last: Record<string, string | string[] | undefined> = {}
  const http = createServer((request, response) => {
    requests++
    last = request.headers
    request.on('data', (chunk: Buffer) => { bytes += chunk.length })
    void digest(request).then(({ sha256, bytes }) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ path: request.url, sha256, bytes, filling: 'x'.repeat(2000) }))
    }, () => { response.destroy() })
  })
  http.on('connection', () => { connections++ })
  http.on('upgrade', request => {
    upgrades++
    last = request.headers
  })
  const { url } = await echoing(t, {}, http)
  const made = await gateway(t, {
    prefix: '/api',
    name: 'api',
    targets: [url],
    websocket: true,
    policy: (targets: readonly Target[]) => {
      picks++
      return targets[0] as Target
    },
    observers: [{ settled () { settled++ } }],
    ...options
  } as BalancerOptions, { ...fastifyOptions, before })
  return {
    ...made,
    picks: () => picks,
    settled: () => settled,
    seen: () => ({ requests, upgrades, bytes, connections }),
    last: () => last,
    untouched (message) {
      t.same({ requests, upgrades, bytes, connections, picks, settled }, { requests: 0, upgrades: 0, bytes: 0, connections: 0, picks: 0, settled: 0 }, `${message}: nothing at the upstream`)
      const pool = made.app.upstreams['api']
      t.same(pool?.load, { inFlight: 0, streams: 0, waiting: 0 }, `${message}: nothing in the pool`)
      t.match(pool?.targets[0], { inFlight: 0, streams: 0, counters: { attempts: 0 } }, `${message}: nothing of the target`)
    }
  }
}

/** GET, a POST whose body does not come to its end, and a WebSocket, none of which may get past. */
export async function assertRefused (t: Test, gateway: Guarded, status: number, fields: Fields, found: (headers: Record<string, unknown>) => void = () => {}): Promise<void> {
  const get = await gateway.request('/api/x', { headers: fields })
  t.equal(get.statusCode, status, 'GET')
  found(get.headers)
  await get.body.dump()

  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const post = await rawClient(t, gateway.port)
  await post.send(`POST /api/x HTTP/1.1\r\nHost: g.test\r\n${lines}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`)
  const refusal = await post.response('POST')
  t.equal(refusal?.status, status, 'POST, answered while its body is under way')
  post.destroy()

  const client = await rawClient(t, gateway.port)
  await client.send(handshake('/api/ws', lines))
  const answer = await client.response()
  t.equal(answer?.status, status, 'WebSocket')
  found(Object.fromEntries(answer?.fields.map(([name, value]) => [name.toLowerCase(), value]) ?? []))
  t.equal(await client.ended(), 'end')
  gateway.untouched('refused')
}

/** GET, POST and a WebSocket, all of which get past. */
export async function assertPassed (t: Test, gateway: Guarded, fields: Fields, found: (headers: Dispatcher.ResponseData['headers']) => void = () => {}): Promise<void> {
  const before = gateway.seen()
  const get = await ask(`${gateway.url}/api/x`, { headers: fields, dispatcher: gateway.client })
  t.equal(get.statusCode, 200, 'GET')
  found(get.headers)
  await get.body.dump()
  const post = await ask(`${gateway.url}/api/x`, { method: 'POST', headers: fields, body: Buffer.alloc(100_000, 'x'), dispatcher: gateway.client })
  t.equal(post.statusCode, 200, 'POST')
  await post.body.dump()
  t.equal(gateway.seen().bytes - before.bytes, 100_000)
  const socket = await opened(t, `${gateway.url}/api/ws`, [], { headers: fields })
  t.equal(await echoed(socket, 'hi'), 'hi', 'WebSocket')
  const closed = once(socket, 'close')
  socket.close()
  await closed
  t.equal(gateway.seen().requests - before.requests, 2)
  t.equal(gateway.seen().upgrades - before.upgrades, 1)
  await until(() => gateway.app.upstreams['api']?.targets[0]?.inFlight === 0)
}

export function basic (user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
