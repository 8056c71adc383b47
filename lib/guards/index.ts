/** Guards by plain data, as in a `guards` block of a configuration file: each is a plugin or a hook, of those that Fastify's users know. */
import type { FastifyInstance } from 'fastify'
import { check } from '../schema.js'
import { basicAuth } from './basic-auth.js'
import { bearerAuth } from './bearer-auth.js'
import { compress } from './compress.js'
import { cors } from './cors.js'
import { forwardAuth } from './forward-auth.js'
import type { Guard, GuardContext } from './guard.js'
import { helmet } from './helmet.js'
import { identity } from './identity.js'
import { jwt } from './jwt.js'
import { rateLimit } from './rate-limit.js'
import { underPressure } from './under-pressure.js'

export type { Guard, GuardContext } from './guard.js'
export { hashPassword } from './password.js'

/**
 * Every guard by name, in the order in which requests pass them, whatever the order in a file:
 *
 * 1. `cors`: a preflight carries no credentials, so it is answered before anybody asks for them, and refusals can be read by scripts;
 * 2. `helmet`: refusals get its fields too;
 * 3. `underPressure`: who is too busy does not even count;
 * 4. `rateLimit`: guessing passwords counts;
 * 5. `jwt`, `bearerAuth`, `basicAuth`, `forwardAuth`: those without a round trip first; a request has to pass all that are given;
 * 6. `identity`: knows who it is by now;
 * 7. `compress`: comes with the answer.
 */
export const guards: Readonly<Record<GuardName, Guard>> = {
  cors, helmet, underPressure, rateLimit, jwt, bearerAuth, basicAuth, forwardAuth, identity, compress
}

export type GuardName = 'cors' | 'helmet' | 'underPressure' | 'rateLimit' | 'jwt' | 'bearerAuth' | 'basicAuth' | 'forwardAuth' | 'identity' | 'compress'

/** JSON Schema of a `guards` block. */
export const guardsSchema = {
  type: 'object',
  description: 'What requests have to pass before a target is picked. The order in the file does not matter.',
  additionalProperties: false,
  properties: Object.fromEntries(Object.entries(guards).map(([name, { schema }]) => [name, schema]))
}

const wrapped = { type: 'object', properties: { guards: guardsSchema } }

/**
 * Guards the routes that are registered in this scope from now on, and those of scopes within it. Guards of scopes around it hold
 * as well, and come first; only of `cors` the nearest is the one that answers, and `compress` is given in one place.
 *
 * @param block names of guards and their options
 * @throws BadOptionError for the first thing that is wrong, with its path, and without secrets
 */
export async function applyGuards (scope: FastifyInstance, block: Readonly<Partial<Record<GuardName, object>>>, context: GuardContext): Promise<void> {
  check(wrapped, { guards: block })
  for (const [name, guard] of Object.entries(guards)) {
    const options = block[name as GuardName]
    if (options !== undefined) await guard.apply(scope, options as never, context)
  }
}
