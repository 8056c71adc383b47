import { isIP, type AddressInfo } from 'node:net'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type onRequestAsyncHookHandler } from 'fastify'
import type { Exposition } from '../prometheus/metrics.js'
import { printable } from '../printable.js'
import { readiness, type ReadinessOptions, type ReadinessSource } from '../readiness.js'
import { CrossSiteError } from '../status/errors.js'
import type { StatusOptions } from '../status/index.js'
import { logRequests, ownRequestLines } from './log.js'
import { ADMIN } from './standards.js'
import type { AdminOptions } from './types.js'

/** How many workers serve, and how many there should be. */
export interface Serving {
  readonly serving: number
  readonly of: number
}

/** A pool, or what several processes have of one together. */
interface PoolLike {
  readonly load: { readonly inFlight: number, readonly streams: number, readonly waiting: number }
  /** Whether health is ignored, because too few targets are up. */
  readonly panicking: boolean
  readonly targets: readonly object[]
}

export interface AdminSettings {
  readonly options: AdminOptions
  readonly log: FastifyBaseLogger
  /** Every pool of the moment by name. */
  readonly upstreams: () => ReadinessSource
  /** Who serves clients, when it is not this process. */
  readonly workers?: () => Serving
  readonly closing: () => boolean
  /** What `/status` says. */
  readonly status: () => object | Promise<object>
  /** What is to be seen under `/dashboard`; undefined when there is none. */
  readonly dashboard?: Pick<StatusOptions, 'upstreams' | 'routes'> | undefined
  /** What `/metrics` says; undefined when there is none. */
  readonly metrics?: ((accept: string | undefined) => Promise<Exposition>) | undefined
}

/** A listener for operators and for whoever runs the gateway. It tells where targets are: not for clients. */
export class Admin {
  readonly #app: FastifyInstance
  readonly #options: AdminOptions
  #require: ReadinessOptions['require']

  constructor (settings: AdminSettings) {
    const { options, log, closing, status, dashboard, metrics } = settings
    this.#options = options
    this.#require = options.require
    const app = this.#app = Fastify({ loggerInstance: log, ...ownRequestLines() })
    logRequests(app, false)
    app.get('/live', async (_request, reply) => reply.header('cache-control', 'no-store').send({ live: true }))
    app.get('/ready', async (_request, reply) => {
      const state = closing() ? { ready: false, closing: true } : readinessOf(settings, this.#require)
      return reply.code(state.ready ? 200 : 503).header('cache-control', 'no-store').send(state)
    })
    app.get('/status', async (_request, reply) => reply.header('cache-control', 'no-store').send(await status()))
    if (metrics !== undefined) {
      app.get('/metrics', async ({ headers: { accept } }, reply) => {
        const { type, text } = await metrics(accept)
        return await reply.header('vary', 'accept').type(type).send(text)
      })
    }
    if (dashboard !== undefined) {
      // Loaded by those who want it, of whom a worker is none.
      void app.register(import('../status/index.js'), { prefix: '/dashboard', actions: options.actions ?? ADMIN.actions, closing, onRequest: refuseRebound(options), ...(options.require === undefined ? undefined : { require: options.require }), ...dashboard })
    }
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
  adjust ({ require }: AdminOptions): void { this.#require = require }

  async close (): Promise<void> {
    this.#app.server.closeIdleConnections()
    await this.#app.close()
  }
}

/**
 * Whoever owns a name can have it lead to this machine, and a page of that name then is of the same origin as ours. A listener that only
 * this machine reaches is called by an address or as localhost, unless it is somebody else who calls it.
 */
function refuseRebound ({ host = ADMIN.host }: AdminOptions): onRequestAsyncHookHandler {
  const local = host === 'localhost' || host === '::1' || host.startsWith('127.')
  return async ({ method, headers, hostname }) => {
    const ofBrowser = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
    if (!local || !ofBrowser || method !== 'POST' || hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) return
    throw CrossSiteError(`Host is ${printable(hostname)}, must be an address or localhost`)
  }
}

/** Half of the workers is enough: one that has just ended will be replaced before anybody could look elsewhere. */
function readinessOf ({ upstreams, workers }: AdminSettings, require: ReadinessOptions['require']): { readonly ready: boolean } {
  const state = readiness(upstreams(), require === undefined ? {} : { require })
  if (workers === undefined) return state
  const { serving, of } = workers()
  const ready = serving >= of / 2
  return { ...state, ready: state.ready && ready, workers: { ready, serving, of } } as { readonly ready: boolean }
}

/** What operators see of pools. */
export function poolStatuses (upstreams: Readonly<Record<string, PoolLike>>): Record<string, object> {
  return Object.fromEntries(Object.entries(upstreams).map(([name, { load, panicking, targets }]) => [name, { ...load, panicking, targets }]))
}

/** Where it is to listen; undefined for nowhere. */
export function adminAddressOf (admin: AdminOptions | undefined): object | undefined {
  if (admin === undefined) return undefined
  const { host = ADMIN.host, port = ADMIN.port } = admin
  return { host, port }
}

/** Has an error say by which part of the document somebody was to listen. */
export async function listened (option: 'listen' | 'admin', listening: Promise<void>): Promise<void> {
  try {
    await listening
  } catch (error) {
    throw Object.assign(error as Error, { option })
  }
}
