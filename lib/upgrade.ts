import { ServerResponse, type IncomingMessage, type Server } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Clock } from './clock.js'

/** How much a client may send before its WebSocket is open; more waits in the system's buffers. */
const EARLY_LIMIT = 64 * 1024

/** How long, in milliseconds, a client that was refused may go on sending. */
const LINGER_TIMEOUT = 2000

/** How long, in milliseconds, other listeners have to take a WebSocket that is not for a route of ours. engine.io waits as long. */
const OTHERS_TIMEOUT = 1000

const kUpgrade = Symbol('fastify-balancer.upgrade')
const kAccepting = Symbol('fastify-balancer.accepting')

declare module 'node:http' {
  interface IncomingMessage {
    [kUpgrade]?: Upgrade
  }
  interface Server {
    [kAccepting]?: string[]
  }
}

/** A client's connection that waits for its WebSocket to be opened. */
export class Upgrade {
  readonly #socket: Duplex
  readonly #early: Buffer[]
  #bytes: number
  #watching = false

  /** @param head what came with the request's own packet */
  constructor (socket: Duplex, head: Buffer) {
    this.#socket = socket
    this.#early = head.length === 0 ? [] : [head]
    this.#bytes = head.length
  }

  /** Reads on while an upstream is looked for: only a connection that is read from tells when its client leaves. */
  watch (): void {
    if (this.#watching) return
    this.#watching = true
    this.#socket.on('data', this.#onData)
    this.#socket.on('end', this.#onEnd)
  }

  /** Hands the connection over, with what has come on it. */
  take (): { socket: Duplex, early: readonly Buffer[] } {
    this.#socket.off('data', this.#onData)
    this.#socket.off('end', this.#onEnd)
    return { socket: this.#socket, early: this.#early }
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#early.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes > EARLY_LIMIT) this.#socket.pause()
  }

  readonly #onEnd = (): void => { this.#socket.destroy() }
}

/** The client's connection, when the request asks for a WebSocket. */
export function upgradeOf (request: IncomingMessage): Upgrade | undefined {
  return request[kUpgrade]
}

/**
 * Makes the app's server take requests to upgrade. Those that ask for a WebSocket go through the app's router and hooks like
 * any other request; all others, such as `h2c`, are served as if they had not asked (RFC 9110 §7.8), as Node does without
 * this. Upgrades that another listener has taken, such as those of @fastify/websocket, are left alone. Done once per server.
 *
 * @param prefix where WebSockets are forwarded, of which there may be several; other listeners are given time for the others
 */
export function acceptUpgrades (app: FastifyInstance, prefix: string, clock: Clock): void {
  const { server } = app
  // What comes before the first param is enough to tell.
  const start = prefix.replace(/[:*].*$/, '')
  if (server[kAccepting] !== undefined) {
    server[kAccepting].push(start)
    return
  }
  const prefixes = server[kAccepting] = [start]
  const accepting: Accepting = {
    app, clock, isOurs: url => server.listenerCount('upgrade') === 1 || prefixes.some(prefix => url.startsWith(prefix))
  }
  keepOrdinary(server)
  // First, so that a route finds the connection whichever listener it is that calls the router.
  server.prependListener('upgrade', (request, socket, head) => { onUpgrade(accepting, request, socket, head) })
}

interface Accepting {
  readonly app: FastifyInstance
  readonly clock: Clock
  /** Whether no other listener can be meant by a request for a WebSocket. */
  readonly isOurs: (url: string) => boolean
}

function onUpgrade (accepting: Accepting, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  // Node has taken its own listener off; a reset must not be an uncaught error.
  socket.on('error', ignore)
  const asked = asksForWebSocket(request)
  if (asked) request[kUpgrade] = new Upgrade(socket, head)
  const written = bytesWritten(socket)
  const isFree = (): boolean => !socket.destroyed && responseOn(socket) === undefined && bytesWritten(socket) === written
  const goOn = (): void => { proceed(accepting, request, socket, head, asked) }
  // The other listeners run now.
  process.nextTick(() => {
    const response = responseOn(socket)
    if (response?.req === request) {
      // Another listener has called the router, with a response that nobody looks after either.
      attend(response, socket, accepting.clock)
    } else if (response !== undefined) {
      goOn()
    } else if (isFree()) {
      if (!asked || accepting.isOurs(request.url ?? '')) goOn()
      else socket.once('close', accepting.clock.after(OTHERS_TIMEOUT, () => { if (isFree()) goOn() }))
    }
  })
}

function proceed (accepting: Accepting, request: IncomingMessage, socket: Duplex, head: Buffer, asked: boolean): void {
  if (socket.destroyed) return
  const before = responseOn(socket)
  if (before !== undefined) {
    // The answer to an earlier request on the same connection goes first.
    before.once('close', () => { process.nextTick(() => { proceed(accepting, request, socket, head, asked) }) })
    return
  }
  // Node's limit on silence between two requests.
  if (socket instanceof Socket) socket.setTimeout(0)
  if (asked) route(accepting, request, socket)
  else serve(accepting.app.server, request, socket, head)
}

/**
 * Newer versions of Node read the body of a request to upgrade before anybody is asked, so that it can not be served any
 * more. They can be told not to upgrade it; only for those, since they lose what is pipelined behind one.
 */
function keepOrdinary (server: Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean }): void {
  const { shouldUpgradeCallback: before } = server
  if (before !== undefined) server.shouldUpgradeCallback = request => !hasBody(request) && before.call(server, request)
}

/**
 * A WebSocket handshake has no body (RFC 6455 §4.1); what came as one would otherwise be sent as frames. HTTP/1.0 has no
 * upgrades (RFC 9110 §7.8).
 */
function asksForWebSocket (request: IncomingMessage): boolean {
  return request.method === 'GET' && request.httpVersion !== '1.0' && request.headers.upgrade?.toLowerCase() === 'websocket' && !hasBody(request)
}

function hasBody ({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

/** Runs the request through the router, with a response of its own: Node makes none for an upgrade. */
function route ({ app, clock }: Accepting, request: IncomingMessage, socket: Duplex): void {
  const response = new ServerResponse(request)
  response.assignSocket(socket as Socket)
  attend(response, socket, clock)
  app.routing(request, response)
}

/** Does for a response what Node's server does for those that it makes itself. The connection ends with it, unless it is upgraded. */
function attend (response: ServerResponse, socket: Duplex, clock: Clock): void {
  if (!response.headersSent) response.shouldKeepAlive = false
  const onDrain = (): void => {
    if (responseOn(socket) !== response) socket.off('drain', onDrain)
    else if (response.writableNeedDrain) response.emit('drain')
  }
  const finish = (): void => {
    response.req[kUpgrade]?.take()
    response.detachSocket(socket as Socket)
    response.emit('close')
    socket.end()
    // Read on, what the client still sends does not turn the answer into a reset (RFC 9112 §9.6).
    socket.resume()
    socket.once('close', clock.after(LINGER_TIMEOUT, () => { socket.destroy() }))
  }
  socket.on('drain', onDrain)
  if (response.writableFinished) finish()
  else response.once('finish', finish)
}

/** Hands the connection back to the server, with the request as it would have been without its `Upgrade`. */
function serve (server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    let value = rawHeaders[i + 1] ?? ''
    if (/^(?:upgrade|http2-settings)$/i.test(name)) continue
    if (name.toLowerCase() === 'connection') value = value.split(',').filter(token => !/^\s*(?:upgrade|http2-settings)\s*$/i.test(token)).join(',')
    lines.push(`${name}: ${value}`)
  }
  socket.off('error', ignore)
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket)
}

function ignore (): void {}

/** The response that the connection is busy with. Node keeps it there, and throws when a second one is assigned. */
function responseOn (socket: Duplex): ServerResponse | undefined {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined
}

function bytesWritten (socket: Duplex): number {
  return (socket as { bytesWritten?: number }).bytesWritten ?? 0
}
