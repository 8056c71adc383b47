import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import type { Clock } from '../clock.js'
import { flag, func, isFunction, object, text, someObject } from '../option-types.js'
import type { ReadinessOptions } from '../readiness.js'
import { rule } from '../schema.js'
import type { RouteTraffic } from '../traffic.js'
import type { Pools } from './state.js'

export interface StatusOptions {
  /** Where everything is. Default: empty, the root. */
  readonly prefix?: string
  /** Says who may look and act, by refusing everybody else; as a route's own hook, or a list of them. `/live` and `/ready` do without. Default: none. */
  readonly onRequest?: onRequestHookHandler | readonly onRequestHookHandler[]
  /** Whether targets may be drained, ejected and weighed. Default: true with `onRequest`, and false without. */
  readonly actions?: boolean
  /** Who asks, for the log and the page: a text. What it throws is answered with an error, and nothing is done. Default: the client's address. */
  readonly who?: (request: FastifyRequest) => string | Promise<string>
  /** Whether there is a page for browsers. Default: true. */
  readonly dashboard?: boolean
  /** What each pool needs for `/ready`, as of `readinessHandler`. Default: `any`. */
  readonly require?: ReadinessOptions['require']
  /** Readers of the events at once, at the most. Default: 20. */
  readonly clients?: number
  /** Milliseconds between two events. Default: 1000. */
  readonly interval?: number
  /** The pools. Default: those of the app. */
  readonly upstreams?: Pools | (() => Pools)
  /** The routes. Default: those of the app. */
  readonly routes?: () => ReadonlyArray<Readonly<RouteTraffic>>
  /** Whether the app has begun to close. Default: asks `isClosing`. */
  readonly closing?: () => boolean
}

export const statusSchema = object({
  prefix: { type: 'string' },
  onRequest: rule('a function or a list of functions', value => isFunction(value) || (Array.isArray(value) && value.length > 0 && value.every(isFunction))),
  actions: flag,
  who: func,
  dashboard: flag,
  require: rule("'any', 'quorum', 'all' or a share from 0 to 1",
    value => ['any', 'quorum', 'all'].includes(value as string) || (typeof value === 'number' && value >= 0 && value <= 1)),
  clients: { type: 'integer', minimum: 1, maximum: 1000 },
  interval: { type: 'number', minimum: 100, maximum: 60_000 },
  upstreams: rule('pools by name, or a function that returns them', value => isFunction(value) || (typeof value === 'object' && value !== null)),
  routes: func,
  closing: func,
  // For tests, and what Fastify itself understands when a plugin is registered.
  clock: { deprecated: true },
  logLevel: { ...text, deprecated: true },
  logSerializers: { ...someObject, deprecated: true }
} satisfies Record<keyof StatusOptions | 'clock' | 'logLevel' | 'logSerializers', object>)

/** With the clock of a test. */
export type ClockedOptions = StatusOptions & { readonly clock?: Clock }
