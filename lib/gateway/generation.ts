import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { endWithAnswers } from '../shutdown.js'
import { routerOptions } from './check.js'
import { logRequests as addRequestLines, ownRequestLines } from './log.js'
import { registerRoutes, type RouteTable } from './routes.js'
import { LISTEN } from './standards.js'
import type { ListenOptions } from './types.js'

/** The server that a request, or a connection that is handed back, came by. */
const kFront = Symbol('fastify-balancer.front')

declare module 'node:http' {
  interface IncomingMessage {
    [kFront]?: Server
  }
}

type FrontSocket = Duplex & { [kFront]?: Server }

export interface GenerationSettings extends Omit<RouteTable, 'requestLog'> {
  readonly listen: ListenOptions
  /** Whether each request has a line in the log, and not only those that have failed. */
  readonly logRequests: boolean
  readonly log: FastifyBaseLogger
  /** Numbers requests across generations. */
  readonly nextId: () => string
}

/**
 * The routes of one configuration, as an app of its own: Fastify can not change routes once it serves. Its server listens to nobody
 * and is handed what comes in at the gateway's, so that another generation can take its place between two requests.
 */
export class Generation {
  readonly app: FastifyInstance
  readonly #server: Server
  /** Requests and upgraded connections that have not ended. */
  #active = 0
  #retired: (() => void) | undefined

  private constructor (app: FastifyInstance, server: Server) {
    this.app = app
    this.#server = server
  }

  /** @throws BadOptionError, or what a guard makes of its options */
  static async make (settings: GenerationSettings): Promise<Generation> {
    const { listen: { trustProxy = LISTEN.trustProxy, bodyLimit, caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes }, logRequests, log, nextId } = settings
    const server = createServer()
    const app = Fastify({
      serverFactory: handler => server.on('request', handler),
      loggerInstance: log,
      ...ownRequestLines(),
      genReqId: nextId,
      trustProxy: trustProxy as boolean,
      ...(bodyLimit === undefined ? undefined : { bodyLimit }),
      // Until the last request has ended, nobody is to hear that others are not served here any more.
      return503OnClosing: false,
      routerOptions: routerOptions({ caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes })
    })
    // What is not upgraded after all is handed back as a connection: to the server that it came by, which knows how to go on.
    server.removeAllListeners('connection')
    for (const event of ['connection', 'secureConnection']) {
      server.on(event, (socket: FrontSocket) => { socket[kFront]?.emit(event, socket) })
    }
    endWithAnswers(app, request => request[kFront])
    addRequestLines(app, logRequests)
    try {
      await registerRoutes(app, { ...settings, bodyLimit, requestLog: logRequests ? true : 'errors' })
      await app.ready()
    } catch (error) {
      await app.close().catch(() => {})
      throw error
    }
    return new Generation(app, server)
  }

  /** Requests and upgraded connections that have not ended. */
  get active (): number { return this.#active }

  /** Whether requests to upgrade are to come as such. Without a route for them Node is to take them for any other request. */
  get upgrades (): boolean { return this.#server.listenerCount('upgrade') > 0 }

  /** Whether Node is to upgrade a request; only versions that ask have such a function. */
  shouldUpgrade (request: IncomingMessage): boolean {
    const server = this.#server as Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean }
    return server.shouldUpgradeCallback?.(request) ?? this.upgrades
  }

  serve (front: Server, request: IncomingMessage, response: ServerResponse): void {
    request[kFront] = front
    this.#active++
    response.once('close', this.#left)
    this.#server.emit('request', request, response)
  }

  upgrade (front: Server, request: IncomingMessage, socket: FrontSocket, head: Buffer): void {
    request[kFront] = front
    socket[kFront] = front
    this.#active++
    socket.once('close', this.#left)
    this.#server.emit('upgrade', request, socket, head)
  }

  /** @returns settles when the last request has ended and the app is closed */
  async retire (): Promise<void> {
    if (this.#active > 0) await new Promise<void>(resolve => { this.#retired = resolve })
    await this.app.close()
  }

  readonly #left = (): void => {
    this.#active--
    if (this.#active === 0) this.#retired?.()
  }
}
