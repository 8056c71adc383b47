import type { FastifyReply, FastifyRequest } from 'fastify'
import { optional, type Guard } from './guard.js'

interface BearerAuthOptions {
  readonly keys: readonly string[]
}

type Verify = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void

export const bearerAuth: Guard<BearerAuthOptions> = {
  schema: {
    type: 'object',
    description: 'Lets requests pass whose Authorization: Bearer has one of these keys, and answers 401 to others. Needs @fastify/bearer-auth.',
    additionalProperties: false,
    required: ['keys'],
    properties: {
      keys: {
        type: 'array', minItems: 1, uniqueItems: true, writeOnly: true, items: { type: 'string', minLength: 1, writeOnly: true }, description: 'Keys, compared in constant time. Take them from the environment.'
      }
    }
  },

  async apply (scope, { keys }) {
    const { default: plugin } = await optional('bearerAuth', '@fastify/bearer-auth', async () => await import('@fastify/bearer-auth'))
    // Fastify logs what is refused as it logs any other error of a client; the plugin would do so at level error.
    await scope.register(plugin, { keys: new Set(keys), addHook: false, verifyErrorLogLevel: null } as never)
    const { verifyBearerAuth } = scope as unknown as { verifyBearerAuth: Verify }
    scope.addHook('onRequest', (request, reply, done) => {
      verifyBearerAuth(request, reply, error => {
        if (error !== undefined && reply.statusCode === 401) {
          reply.header('www-authenticate', request.headers.authorization === undefined ? 'Bearer' : 'Bearer error="invalid_token"')
        }
        done(error)
      })
    })
  }
}
