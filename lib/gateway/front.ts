import { createServer, Server, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { createServer as createSecure, type Server as SecureServer } from 'node:https'
import { Server as NetServer, type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { Clock } from '../clock.js'
import { continueLazily } from '../continue.js'
import type { Upstreams } from '../plugin.js'
import { beginClosing, cutOff, goAway, shutdown, type ShutdownOptions } from '../shutdown.js'
import type { Generation } from './generation.js'
import type { ServerTls } from './listen-tls.js'
import { LISTEN, SHUTDOWN } from './standards.js'
import type { ListenOptions } from './types.js'

/** Options with which several processes can listen in one place. */
export type SharedListen = (options: { readonly host: string, readonly port: number }) => { readonly host: string, readonly port: number }

export interface FrontSettings {
  readonly listen: ListenOptions
  readonly tls: ServerTls | undefined
  readonly shutdown: Pick<ShutdownOptions, 'delay' | 'linger' | 'grace'>
  readonly log: FastifyBaseLogger
  readonly clock: Clock
  /** What the options of `listen` become for a process that is not the only one. */
  readonly shared?: SharedListen
  /** Who serves now. */
  readonly current: () => Generation
  /** Pools to be ended when the time of a shutdown is over. */
  readonly pools: () => Upstreams
  /** The shutdown closes the listener, before what is under way ends. */
  readonly closing: () => void
}

type AnyServer = Server | SecureServer | Http2SecureServer

/** The listener that clients connect to. It outlives generations of routes, and hands each request to the one of the moment. */
export class Front {
  /** Has no routes; it is there to be listened with and shut down. */
  readonly #app: FastifyInstance
  readonly #server: Server
  readonly #settings: FrontSettings
  readonly #shutdown: () => Promise<void>
  #closing = false

  constructor (settings: FrontSettings) {
    this.#settings = settings
    const server = this.#server = makeServer(settings) as Server
    this.#app = Fastify({ serverFactory: () => server, loggerInstance: settings.log })
    this.#app.decorate('upstreams', { getter: () => this.#closing ? settings.pools() : {} as Upstreams })
    this.#app.addHook('preClose', async () => { if (this.#closing) settings.closing() })
    const { current } = settings
    server.on('request', (request: IncomingMessage, response: ServerResponse) => { current().serve(server, request, response) })
    continueLazily(server)
    // Newer versions of Node ask before they upgrade.
    if ('shouldUpgradeCallback' in server) Object.assign(server, { shouldUpgradeCallback: (request: IncomingMessage) => current().shouldUpgrade(request) })
    this.#shutdown = shutdown(this.#app, { ...SHUTDOWN, ...settings.shutdown, signals: [], clock: settings.clock } as ShutdownOptions)
    this.adjust(settings.listen)
  }

  /** Where it listens, as a URL; undefined before and after. */
  get address (): string | undefined {
    const place = this.#server.address() as AddressInfo | null
    if (place === null) return undefined
    const { address, port, family } = place
    return `${this.#settings.tls === undefined ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }

  /** @throws what the system says against it, such as EADDRINUSE */
  async listen (): Promise<void> {
    const { listen: { host = LISTEN.host, port = LISTEN.port }, shared = options => options } = this.#settings
    this.generationChanged()
    // Fastify would listen on both of its addresses, with a server for each.
    await this.#app.listen(shared({ host: host === 'localhost' ? '127.0.0.1' : host, port }))
  }

  /** Takes or leaves requests to upgrade as the generation of the moment does. */
  generationChanged (): void {
    this.#server.off('upgrade', this.#upgrade)
    if (this.#settings.current().upgrades) this.#server.on('upgrade', this.#upgrade)
  }

  /** What can be changed while it listens; for connections and requests from now on. */
  adjust (listen: ListenOptions): void {
    const { keepAliveTimeout, requestTimeout, headersTimeout, connectionTimeout } = { ...LISTEN, ...listen }
    Object.assign(this.#server, { keepAliveTimeout, requestTimeout, headersTimeout })
    this.#server.setTimeout(connectionTimeout)
  }

  /** Another certificate for connections from now on. */
  secure (tls: ServerTls): void {
    const { requestCert, rejectUnauthorized } = tls
    Object.assign(this.#server, { requestCert, rejectUnauthorized })
    ;(this.#server as unknown as SecureServer).setSecureContext(secureOptions(tls))
  }

  /** Closes everything in good order: no request is lost. */
  async close (): Promise<void> {
    this.#closing = true
    await this.#shutdown()
  }

  /**
   * Lets nobody new in, since clients come in elsewhere now. Each answer from now on ends its connection; streams and WebSockets go on.
   *
   * @returns settles when every connection is closed
   */
  async leave (): Promise<void> {
    beginClosing(this.#server)
    // On HTTP/2 no answer can end its connection.
    goAway(this.#server)
    // Not the close of an HTTP server: that would cut off connections that are idle just now, on which a request may be coming.
    await new Promise<void>(resolve => { NetServer.prototype.close.call(this.#server, () => { resolve() }) })
    await this.#app.close()
  }

  /** Closes connections on which nothing is under way. HTTP/2 has told its clients already. */
  endIdle (): void {
    if (this.#server instanceof NetServer && 'closeIdleConnections' in this.#server) this.#server.closeIdleConnections()
  }

  /** Cuts off whatever connections are left. */
  cutOff (): void {
    cutOff(this.#server)
  }

  readonly #upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    this.#settings.current().upgrade(this.#server, request, socket, head)
  }
}

function makeServer ({ listen: { http2 = LISTEN.http2, maxHeaderSize = LISTEN.maxHeaderSize }, tls }: FrontSettings): AnyServer {
  const connectionsCheckingInterval = CHECKING_INTERVAL
  if (tls === undefined) return createServer({ maxHeaderSize, connectionsCheckingInterval })
  const { requestCert, rejectUnauthorized } = tls
  const options = { ...secureOptions(tls), requestCert, rejectUnauthorized, maxHeaderSize, connectionsCheckingInterval }
  if (!http2) return createSecure(options)
  const server = createSecureServer({ ...options, allowHTTP1: true })
  server.on('session', session => { session.setTimeout(SESSION_TIMEOUT, () => { session.close() }) })
  return server
}

/** Milliseconds from one look for requests that are late to the next, by which `headersTimeout` and `requestTimeout` may be late. Node's own 30 s are longer than some would wait. */
const CHECKING_INTERVAL = 1000

/** Milliseconds after which a silent session of HTTP/2 is ended; Fastify's. */
const SESSION_TIMEOUT = 72_000

function secureOptions ({ cert, key, ca, passphrase, minVersion }: ServerTls): { cert: string, key: string, ca?: string[], passphrase?: string, minVersion: ServerTls['minVersion'] } {
  return { cert, key, minVersion, ...(ca === undefined ? undefined : { ca }), ...(passphrase === undefined ? undefined : { passphrase }) }
}
