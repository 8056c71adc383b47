import { Server as HttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'
import { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Clock } from './clock.js'

/** The connections that clients have made to a server, upgraded ones too, so that they can be ended without losing a request. */
export class ClientConnections {
  readonly #server: Server
  readonly #clock: Clock
  /** With the answer that was begun last on each. */
  readonly #sockets = new Map<Socket, ServerResponse | undefined>()
  /** What TLS connections are carried by. */
  readonly #carriers = new Set<Socket>()
  /** Of HTTP/2. */
  readonly #sessions = new Set<ServerHttp2Session>()
  /** How long a connection may be silent, in milliseconds; undefined while that is no matter. */
  #linger: number | undefined
  #leaving = false

  /** @param server has accepted nobody yet */
  constructor (server: Server, clock: Clock) {
    this.#server = server
    this.#clock = clock
    // The socket that requests over TLS are read from is another one.
    server.on('connection', server instanceof TlsServer ? this.#onCarrier : this.#onConnection)
    server.on('secureConnection', this.#onConnection)
    server.on('session', this.#onSession)
    // Before anybody can answer.
    server.prependListener('request', this.#onRequest)
  }

  /** Whether no further request has come behind it. An answer that ends its connection loses those that have. */
  isLast (request: IncomingMessage): boolean {
    const latest = this.#sockets.get(request.socket)
    return latest === undefined || latest.req === request
  }

  /**
   * From now on a connection ends when nothing comes on it for `linger` milliseconds after an answer, or at its beginning.
   * Those that have had their last answer already are left to the server, which ends them when it closes.
   */
  endSilent (linger: number): void {
    if (this.#linger !== undefined) return
    this.#linger = linger
    // Node reads it when an answer has ended, newer versions with a second on top. 0 would be for ever.
    Object.assign(this.#server, { keepAliveTimeout: Math.max(1, linger), keepAliveTimeoutBuffer: 0 })
    for (const socket of [...this.#carriers, ...this.#sockets.keys()]) this.#endUnlessUsed(socket)
  }

  /**
   * To be awaited before the server closes, when Node ends every connection whose answer has been written, whether or not
   * its client has read it. HTTP/2 clients are told to send nothing more.
   */
  async prepareClose (): Promise<void> {
    this.#leaving = true
    for (const session of this.#sessions) session.close()
    for (let unread; (unread = this.#unread()) !== undefined;) {
      const [socket, response] = unread
      await new Promise<void>(resolve => {
        response.once('close', resolve)
        socket.once('close', resolve)
      })
    }
  }

  /** Ends every connection at once. @returns how many of them were in use */
  destroy (): number {
    const used = [...this.#sockets].filter(([socket, response]) => response === undefined ? socket.bytesRead > 0 : !response.writableFinished)
    for (const session of this.#sessions) session.destroy()
    for (const socket of [...this.#carriers, ...this.#sockets.keys()]) socket.destroy()
    return used.length
  }

  /** A connection with an answer that waits for its client to read. */
  #unread (): readonly [Socket, ServerResponse] | undefined {
    for (const [socket, response] of this.#sockets) {
      if (response !== undefined && response.socket !== null && response.writableEnded && !response.writableFinished) return [socket, response]
    }
    return undefined
  }

  readonly #onConnection = (socket: Socket): void => {
    // One whose request to upgrade is handed back comes a second time.
    if (this.#sockets.has(socket)) return
    this.#sockets.set(socket, undefined)
    socket.once('close', () => { this.#sockets.delete(socket) })
    this.#endUnlessUsed(socket)
  }

  readonly #onCarrier = (socket: Socket): void => {
    this.#carriers.add(socket)
    socket.once('close', () => { this.#carriers.delete(socket) })
    this.#endUnlessUsed(socket)
  }

  readonly #onRequest = ({ socket, httpVersionMajor }: IncomingMessage, response: ServerResponse): void => {
    if (httpVersionMajor === 1 && this.#sockets.has(socket)) this.#sockets.set(socket, response)
  }

  readonly #onSession = (session: ServerHttp2Session): void => {
    this.#sessions.add(session)
    session.once('close', () => { this.#sessions.delete(session) })
    if (this.#leaving) session.close()
  }

  /** Node takes a connection on which nothing has come for a busy one. */
  #endUnlessUsed (socket: Socket): void {
    if (this.#linger === undefined || !isHttp1(this.#server)) return
    socket.once('close', this.#clock.after(this.#linger, () => { if (socket.bytesRead === 0) socket.destroy() }))
  }
}

function isHttp1 (server: unknown): boolean {
  return server instanceof HttpServer || server instanceof HttpsServer
}
