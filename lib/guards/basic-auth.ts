import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import { optional, type Guard } from './guard.js'
import { passwordVerifier } from './password.js'

interface BasicAuthOptions {
  readonly users: Readonly<Record<string, string>>
  readonly realm?: string
}

/** @fastify/basic-auth. The user's name is in `request.user.sub`, where that of a token would be. */
export const basicAuth: Guard<BasicAuthOptions> = {
  schema: {
    type: 'object',
    description: 'Lets requests pass with the name and password of a user, and answers 401 to others. Needs @fastify/basic-auth.',
    additionalProperties: false,
    required: ['users'],
    properties: {
      users: {
        type: 'object',
        minProperties: 1,
        propertyNames: { pattern: '^[^:\\u0000-\\u001f\\u007f]+$' },
        additionalProperties: { type: 'string', minLength: 1, writeOnly: true },
        description: 'Names, and what their passwords are: a hash, scrypt:cost:block size:parallel:salt:key, or the password itself, which is best taken from the environment.'
      },
      realm: { type: 'string', pattern: '^[\\t !#-\\[\\]-~]+$', default: 'gateway', description: 'What browsers show when they ask for a password.' }
    }
  },

  async apply (scope, { users, realm = 'gateway' }) {
    const { default: plugin } = await optional('basicAuth', '@fastify/basic-auth', async () => await import('@fastify/basic-auth'))
    const verify = passwordVerifier(users)
    await scope.register(plugin, {
      authenticate: { realm },
      async validate (user: string, password: string, request: FastifyRequest) {
        if (!await verify(user, password)) throw new Error('Wrong user or password')
        const identified = request as FastifyRequest & { user?: unknown }
        identified.user = { sub: user }
      }
    })
    scope.addHook('onRequest', (scope as unknown as { basicAuth: onRequestHookHandler }).basicAuth)
  }
}
