import type { FastifyRequest } from 'fastify'
import { identity as hook, type IdentityValue } from '../identity.js'
import type { Guard } from './guard.js'

export const identity: Guard<Readonly<Record<string, string>>> = {
  schema: {
    type: 'object',
    description: 'Header fields that tell upstreams who the client is: names of fields, and of claims of its token (sub, or a.b within an object). With basicAuth, sub is the name of the user. What clients send under these names, in any spelling, is removed.',
    minProperties: 1,
    additionalProperties: { type: 'string', minLength: 1 }
  },

  async apply (scope, claims) {
    const fields = Object.entries(claims).map(([name, claim]): [string, IdentityValue] => [name, request => textOf(claimOf(request, claim))])
    scope.addHook('onRequest', hook(Object.fromEntries(fields)))
  }
}

/** A claim whose name has a dot goes before one of an object. */
function claimOf (request: FastifyRequest, claim: string): unknown {
  const { user } = request as FastifyRequest & { user?: unknown }
  return own(user, claim) ?? claim.split('.').reduce(own, user)
}

function own (object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null && Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined
}

/** Lists, such as roles, are one text. What else is no text is turned down where fields are checked. */
function textOf (value: unknown): ReturnType<IdentityValue> {
  return (Array.isArray(value) && value.every(item => typeof item === 'string') ? value.join(',') : value) as ReturnType<IdentityValue>
}
