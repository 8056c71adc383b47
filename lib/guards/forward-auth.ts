import { BadOptionError, show } from '../errors.js'
import { FORWARD_AUTH_PROPERTIES, forwardAuth as hook, type ForwardAuthOptions } from '../forward-auth.js'
import type { Guard } from './guard.js'

export const forwardAuth: Guard<ForwardAuthOptions & { readonly pool: string }> = {
  schema: {
    type: 'object',
    description: 'Asks another service whether a request may pass. 2xx lets it, other answers are the client\'s.',
    additionalProperties: false,
    required: ['pool', 'path'],
    properties: { pool: { type: 'string', minLength: 1, description: 'Name of the pool to ask.' }, ...FORWARD_AUTH_PROPERTIES }
  },

  async apply (scope, options, { pools }) {
    scope.addHook('onRequest', hook(options))
    const { pool } = options
    scope.addHook('onReady', async () => {
      // There are none before the balancer is registered for the first time, which may be later than the guards are applied.
      const known = scope.upstreams ?? pools ?? {}
      if (!Object.hasOwn(known, pool)) throw BadOptionError(`guards.forwardAuth.pool: ${show(pool)} is not a pool, must be one of ${Object.keys(known).join(', ') || 'none'}`)
    })
  }
}
