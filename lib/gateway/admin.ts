import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { Pool } from '../pool.js'
import type { Upstreams } from '../plugin.js'
import { readinessHandler } from '../readiness.js'
import type { TargetSnapshot } from '../target.js'
import { logRequests, ownRequestLines } from './log.js'
import { ADMIN } from './standards.js'
import type { AdminOptions } from './types.js'

/** What operators see of a pool. */
export interface PoolStatus {
  readonly inFlight: number
  readonly streams: number
  readonly waiting: number
  /** Whether health is ignored, because too few targets are up. */
  readonly panicking: boolean
  readonly targets: readonly TargetSnapshot[]
}

export interface AdminSettings {
  readonly options: AdminOptions
  readonly log: FastifyBaseLogger
  /** Every pool of the moment by name. */
  readonly upstreams: Upstreams
  readonly closing: () => boolean
  /** What `/status` says besides its pools. */
  readonly status: () => object
}

/** A listener for operators and for whoever runs the gateway. It tells where targets are: not for clients. */
export class Admin {
  readonly #app: FastifyInstance
  readonly #options: AdminOptions
  readonly #closing: () => boolean
  #ready: ReturnType<typeof readinessHandler>

  constructor ({ options, log, upstreams, closing, status }: AdminSettings) {
    this.#options = options
    this.#closing = closing
    this.#ready = this.#readiness(options)
    const app = this.#app = Fastify({ loggerInstance: log, ...ownRequestLines() })
    logRequests(app, false)
    app.decorate('upstreams', { getter: () => upstreams })
    app.get('/live', async (_request, reply) => reply.header('cache-control', 'no-store').send({ live: true }))
    app.get('/ready', (request, reply) => this.#ready(request, reply))
    app.get('/status', async (_request, reply) => reply.header('cache-control', 'no-store').send({ ...status(), pools: poolStatuses(upstreams) }))
  }

  /** Where it listens, as a URL; undefined before and after. */
  get address (): string | undefined {
    const place = this.#app.server.address() as AddressInfo | null
    if (place === null) return undefined
    const { address, port, family } = place
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }

  /** @throws what the system says against it */
  async listen (): Promise<void> {
    const { host = ADMIN.host, port = ADMIN.port } = this.#options
    await this.#app.listen({ host, port })
  }

  /** What can be changed while it listens. */
  adjust (options: AdminOptions): void { this.#ready = this.#readiness(options) }

  #readiness ({ require }: AdminOptions): ReturnType<typeof readinessHandler> {
    return readinessHandler({ closing: this.#closing, ...(require === undefined ? undefined : { require }) })
  }

  async close (): Promise<void> {
    this.#app.server.closeIdleConnections()
    await this.#app.close()
  }
}

export function poolStatuses (upstreams: Readonly<Record<string, Pool>>): Record<string, PoolStatus> {
  return Object.fromEntries(Object.entries(upstreams).map(([name, { load, panicking, targets }]) => [name, { ...load, panicking, targets }]))
}
