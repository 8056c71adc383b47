import { Server as HttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'
import { Server as HttpsServer } from 'node:https'
import { Server as NetServer, type Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { turnEnds, type Clock } from './clock.js'

interface Use {
  /** The answer that was begun last on the connection; undefined before the first request, and on HTTP/2. */
  latest: ServerResponse | undefined
  /** Ends the wait for its silence. */
  cancel: () => void
}

/** Turns of the event loop that are waited for at the most until nobody has connected in one. */
const MOST_TURNS = 100

/** The connections that clients have made to a server, upgraded ones too, so that they can be ended without losing a request. */
export class ClientConnections {
  readonly #server: Server
  readonly #clock: Clock
  readonly #sockets = new Map<Socket, Use>()
  /** What TLS connections are carried by. */
  readonly #carriers = new Map<Socket, Use>()
  /** Of HTTP/2. */
  readonly #sessions = new Set<ServerHttp2Session>()
  /** How long a connection may be silent, in milliseconds; undefined while that is no matter. */
  #linger: number | undefined
  #leaving = false
  /** How many there have been. */
  #accepted = 0

  /** @param server has accepted nobody yet */
  constructor (server: Server, clock: Clock) {
    this.#server = server
    this.#clock = clock
    // The socket that requests over TLS are read from is another one.
    const accepted = server instanceof TlsServer ? this.#carriers : this.#sockets
    server.on('connection', (socket: Socket) => { this.#add(accepted, socket) })
    server.on('secureConnection', (socket: Socket) => { this.#add(this.#sockets, socket) })
    server.on('session', (session: ServerHttp2Session) => { this.#addSession(session) })
    // Before anybody can answer.
    server.prependListener('request', (request, response) => { this.#begin(request, response) })
  }

  /** Whether no further request has come behind it. An answer that ends its connection loses those that have. */
  isLast (request: IncomingMessage): boolean {
    const latest = this.#sockets.get(request.socket)?.latest
    return latest === undefined || latest.req === request
  }

  /**
   * From now on a connection ends when nothing comes on it for `linger` milliseconds after it was made, or after an answer
   * that has left it open. Those that are idle already are left to the server, which ends them when it closes.
   */
  endSilent (linger: number): void {
    if (this.#linger !== undefined) return
    this.#linger = linger
    for (const [socket, use] of [...this.#carriers, ...this.#sockets]) {
      if (use.latest !== undefined && !use.latest.writableFinished) this.#endAfter(use.latest, socket, use)
      else if (socket.bytesRead === 0) this.#endUnlessUsed(socket, use)
    }
  }

  /** Tells HTTP/2 clients to send nothing more. Their connections end with the answers that are under way. */
  goAway (): void {
    this.#leaving = true
    for (const session of this.#sessions) session.close()
  }

  /**
   * Lets nobody new in: who connects from now on is refused, and can try elsewhere. Those who are connected stay, unlike with the
   * close of an HTTP server, and what they had sent has been read when it resolves.
   */
  async refuse (): Promise<void> {
    // Who has connected waits in the system's queue until the next turn of the event loop. A queue that is dropped resets them: it should be empty.
    let before
    let turns = 0
    do {
      before = this.#accepted
      await turnEnds()
    } while (this.#accepted !== before && ++turns < MOST_TURNS)
    if (this.#server.listening) NetServer.prototype.close.call(this.#server)
    // What they have sent is read one turn after they are let in.
    await turnEnds()
  }

  /**
   * Resolves when every answer that has been written has been read too, or its client is gone. When a server closes, Node
   * ends the connections of those that have not. Nobody new should be let in any more, so that it comes to an end.
   */
  async allRead (): Promise<void> {
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
    const used = [...this.#sockets].filter(([{ bytesRead }, { latest }]) => latest === undefined ? bytesRead > 0 : !latest.writableFinished)
    for (const session of this.#sessions) session.destroy()
    for (const socket of [...this.#carriers.keys(), ...this.#sockets.keys()]) socket.destroy()
    return used.length
  }

  /** A connection with an answer that waits for its client to read. */
  #unread (): readonly [Socket, ServerResponse] | undefined {
    for (const [socket, { latest }] of this.#sockets) {
      if (latest !== undefined && latest.socket !== null && latest.writableEnded && !latest.writableFinished) return [socket, latest]
    }
    return undefined
  }

  #add (sockets: Map<Socket, Use>, socket: Socket): void {
    // One whose request to upgrade is handed back comes a second time.
    if (sockets.has(socket)) return
    this.#accepted++
    const use: Use = { latest: undefined, cancel: () => {} }
    sockets.set(socket, use)
    socket.once('close', () => {
      sockets.delete(socket)
      use.cancel()
    })
    this.#endUnlessUsed(socket, use)
  }

  #addSession (session: ServerHttp2Session): void {
    this.#sessions.add(session)
    session.once('close', () => { this.#sessions.delete(session) })
    if (this.#leaving) session.close()
  }

  #begin ({ socket, httpVersionMajor }: IncomingMessage, response: ServerResponse): void {
    const use = httpVersionMajor === 1 ? this.#sockets.get(socket) : undefined
    if (use === undefined) return
    use.latest = response
    this.#endAfter(response, socket, use)
  }

  /** Node has a time for that too, but adds a second to it. */
  #endAfter (response: ServerResponse, socket: Socket, use: Use): void {
    if (this.#linger === undefined) return
    response.once('close', () => { if (use.latest === response) this.#endIfSilent(socket, use) })
  }

  /** Node takes a connection on which nothing has come for a busy one. On HTTP/2 there is the session to end. */
  #endUnlessUsed (socket: Socket, use: Use): void {
    const server: object = this.#server
    if (server instanceof HttpServer || server instanceof HttpsServer) this.#endIfSilent(socket, use)
  }

  /** By what is read, and not by requests: of an upgraded connection there are none. */
  #endIfSilent (socket: Socket, use: Use): void {
    if (this.#linger === undefined || socket.destroyed) return
    const { bytesRead } = socket
    use.cancel()
    const end = (): void => { if (socket.bytesRead === bytesRead) socket.destroy() }
    // When the process was busy, what has come in time has not been read yet: timers go first.
    use.cancel = this.#clock.after(this.#linger, () => { use.cancel = this.#clock.after(0, end) })
  }
}
