import type { FastifyInstance } from 'fastify'
import type { Upstreams } from '../plugin.js'

export interface GuardContext {
  /** The scope that is guarded: the whole app, or that of one route. */
  readonly app: FastifyInstance
  readonly pools: Upstreams
}

/** Something that stands before routes, as a document can have it. */
export interface Guard {
  /** JSON Schema of its options. */
  readonly schema: object
  readonly apply: (scope: FastifyInstance, options: unknown, context: GuardContext) => Promise<void>
}

/** What `guards` may have. They are applied in this order. */
export const GUARDS: Readonly<Record<string, Guard>> = {}
