import type { FastifyInstance, FastifyRequest } from 'fastify'
import { optional, type Guard } from './guard.js'

interface CorsOptions {
  readonly origin?: boolean | string | readonly string[]
  readonly methods?: readonly string[]
  readonly allowedHeaders?: readonly string[]
  readonly exposedHeaders?: readonly string[]
  readonly credentials?: boolean
  readonly maxAge?: number
}

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE']

const texts = { type: 'array', items: { type: 'string', minLength: 1 } }

/** The guard that answers for the scope that a route is in, whichever scopes around it have one too. */
const kNearest = Symbol('fastify-balancer.cors')

type Marked = FastifyInstance & { [kNearest]?: object }

/**
 * @fastify/cors, without the route that it declares for preflights: its hook answers them wherever they lead, and several scopes
 * of one app may have it. What asks with OPTIONS and is no preflight is forwarded.
 */
export const cors: Guard<CorsOptions> = {
  schema: {
    type: 'object',
    description: 'Cross-origin requests: answers preflights, and tells browsers which origins may read answers. Needs @fastify/cors.',
    additionalProperties: false,
    properties: {
      origin: {
        anyOf: [{ type: 'boolean' }, { type: 'string', minLength: 1 }, texts],
        default: '*',
        description: 'Origins that may read answers: one, a list, * for all, true for the one that asks, false for none.'
      },
      methods: { ...texts, default: METHODS, description: 'Methods that a preflight allows.' },
      allowedHeaders: { ...texts, description: 'Request header fields that a preflight allows. Default: those that it asks for.' },
      exposedHeaders: { ...texts, description: 'Answer header fields that scripts may read. Default: those of the standard.' },
      credentials: { type: 'boolean', default: false, description: 'Whether cookies and Authorization may be sent along.' },
      maxAge: { type: 'integer', minimum: 0, description: 'Seconds for which a browser remembers a preflight. Default: its own.' }
    }
  },

  async apply (scope, { origin = '*', methods = METHODS, ...options }) {
    const { default: plugin } = await optional('cors', '@fastify/cors', async () => await import('@fastify/cors'))
    const own = {}
    const marked = scope as Marked
    marked[kNearest] = own
    type Done = (error: Error | null, options?: object) => void
    const delegator = (request: FastifyRequest, done: Done): void => {
      const { method, headers, server } = request
      if ((server as Marked)[kNearest] !== own) done(null, { origin: false })
      else done(null, { ...options, origin, methods, preflight: method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined })
    }
    const instance = {
      decorateRequest (name: string, value: unknown) { if (!scope.hasRequestDecorator(name)) scope.decorateRequest(name, value) },
      addHook (name: 'onRequest', hook: never) { scope.addHook(name, hook) },
      options () {}
    }
    await new Promise<void>((resolve, reject) => {
      plugin(instance as unknown as FastifyInstance, { delegator } as never, error => { if (error == null) resolve(); else reject(error) })
    })
  }
}
