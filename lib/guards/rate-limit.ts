import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { BadOptionError, LimitUnavailableError } from '../errors.js'
import type { GuardHook } from '../identity.js'
import { optional, type Guard, type GuardContext } from './guard.js'
import { reasonOf, redisFor } from './redis.js'

interface RateLimitOptions {
  readonly max?: number
  readonly timeWindow?: number
  readonly key?: 'address' | { readonly header: string }
  readonly redis?: string
  readonly redisTimeout?: number
  readonly namespace?: string
  readonly onStoreError?: 'open' | 'closed'
}

/** Seconds after which a client may try again that was turned away for want of Redis. */
const TRY_AGAIN = '1'

/**
 * @fastify/rate-limit as a hook of the scope. The plugin itself puts its hook into every route, where it would run behind all
 * hooks of the scope, those that authenticate among them.
 */
export const rateLimit: Guard<RateLimitOptions> = {
  schema: {
    type: 'object',
    description: 'Answers 429 with a Retry-After to who asks too often. Needs @fastify/rate-limit, and ioredis with redis.',
    additionalProperties: false,
    properties: {
      max: { type: 'integer', minimum: 1, default: 1000, description: 'Requests of one client in one window of time.' },
      timeWindow: { type: 'integer', minimum: 1, maximum: 2 ** 31 - 1, default: 60_000, description: 'Milliseconds of that window. It begins with the first request of a client.' },
      key: {
        anyOf: [
          { enum: ['address'] },
          { type: 'object', additionalProperties: false, required: ['header'], properties: { header: { type: 'string', minLength: 1, description: 'Name of the field.' } } }
        ],
        default: 'address',
        description: 'What tells clients apart: their address (of IPv6 the first 64 bits), or the value of a header field; without that, the address. A client can send a new value each time, unless something in front of the gateway checks it.'
      },
      redis: { type: 'string', pattern: '^rediss?://', writeOnly: true, description: 'Where the counts are kept for all processes and machines together: redis://user:password@host:6379/0, rediss:// for TLS. Default: in the memory of the process.' },
      redisTimeout: { type: 'integer', minimum: 1, maximum: 2 ** 31 - 1, default: 500, description: 'Milliseconds that Redis may take.' },
      namespace: { type: 'string', minLength: 1, description: 'What the keys in Redis begin with; limits with the same one count together. Default: fastify-balancer, and what the limit is for.' },
      onStoreError: { enum: ['open', 'closed'], default: 'closed', description: 'While Redis can not be used: open lets every request pass, closed answers 503.' }
    },
    dependencies: { redisTimeout: ['redis'], namespace: ['redis'], onStoreError: ['redis'] }
  },

  async apply (scope, { max = 1000, timeWindow = 60_000, key = 'address', redis, redisTimeout = 500, namespace, onStoreError = 'closed' }, context) {
    const { default: plugin, normalizeIP } = await optional('rateLimit', '@fastify/rate-limit', async () => await import('@fastify/rate-limit'))
    let limiter: (() => GuardHook) | undefined
    // A scope within one that has a limit would be given the limit of that one.
    const instance = {
      decorateRequest (name: symbol, value: unknown) { scope.decorateRequest(name, value) },
      hasDecorator: () => false,
      decorate (name: string, make: () => GuardHook) { if (name === 'rateLimit') limiter = make },
      addHook () {}
    }
    await (plugin as unknown as (instance: unknown, options: object) => Promise<void>)(instance, {
      global: false,
      max,
      timeWindow,
      skipOnError: onStoreError === 'open',
      ...(key === 'address' ? undefined : { keyGenerator: byHeader(key.header.toLowerCase(), normalizeIP) }),
      ...(redis === undefined
        ? undefined
        : { redis: await redisFor(scope, 'rateLimit', redis, redisTimeout), nameSpace: namespace ?? defaultNamespace(scope, context) })
    })
    if (limiter === undefined) throw BadOptionError('guards.rateLimit: this version of @fastify/rate-limit is not supported, must be 11')
    const limit = limiter()
    scope.addHook('onRequest', async (request, reply) => {
      try {
        await limit(request, reply)
      } catch (error) {
        // What is refused has a status; what has none is an error of Redis.
        if ((error as { statusCode?: number }).statusCode !== undefined) throw error
        reply.header('retry-after', TRY_AGAIN)
        throw LimitUnavailableError({ cause: new Error(`Redis: ${reasonOf(error)}`) })
      }
    })
  }
}

/** Values are as long as a client likes, and may be secrets: what is kept is a digest. */
function byHeader (name: string, normalizeIP: (address: string) => string): (request: FastifyRequest) => string {
  return request => {
    const value = request.headers[name]
    return value === undefined ? normalizeIP(request.ip) : `${name}:${createHash('sha256').update(String(value)).digest('base64url')}`
  }
}

function defaultNamespace ({ prefix }: FastifyInstance, { name = prefix }: GuardContext): string {
  return `fastify-balancer:${name}:`
}
