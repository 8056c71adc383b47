import type { FastifyReply, FastifyRequest } from 'fastify'
import { BadOptionError, IdentityError, show } from './errors.js'
import { RESERVED, type HeaderRecord } from './headers.js'
import { check, rule } from './schema.js'
import { claimFields } from './trusted-fields.js'

/** What a field is to say of a request; undefined, null or an empty text leaves it out. */
export type IdentityValue = (request: FastifyRequest) => IdentityText | Promise<IdentityText>
type IdentityText = string | number | boolean | null | undefined

/** A hook for `onRequest`, `preValidation` or `preHandler`. */
export type GuardHook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/** A schema for names of fields that a guard may say: what frames a message, and what the gateway says itself, is not its business. */
export const fieldNames = rule('a header field that is not the gateway\'s own', isFree)

const schema = {
  type: 'object',
  properties: {
    identity: { type: 'object', minProperties: 1, propertyNames: fieldNames, additionalProperties: rule('a function', value => typeof value === 'function') }
  }
}

/**
 * Makes a hook that says who the client is, in fields that upstreams believe.
 *
 * What a client sends under these names is always removed, in every spelling, whether or not there is a value to take its
 * place. The hook goes behind the one that finds out who it is:
 * `app.addHook('onRequest', identity({ 'x-user-id': request => request.user.sub }))`.
 *
 * @param fields names of fields, and functions of the request that give their values
 * @throws BadOptionError for a name that is no field, or is the gateway's own, and for a value that is no function
 */
export function identity (fields: Readonly<Record<string, IdentityValue>>): GuardHook {
  check(schema, { identity: fields })
  const entries = Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value] as const)
  const names = entries.map(([name]) => name)
  return async request => {
    const said: HeaderRecord = {}
    try {
      for (const [name, valueOf] of entries) {
        const value = await valueOf(request)
        if (value === undefined || value === null || value === '') continue
        said[name] = fieldValue(name, value)
      }
    } catch (cause) {
      // Whoever goes on after an error, an error handler for one, must not find the client's own.
      claimFields(request, names, {})
      throw cause
    }
    claimFields(request, names, said)
  }
}

/** @throws IdentityError for what can not be the value of a field */
function fieldValue (name: string, value: unknown): string {
  if (!['string', 'number', 'boolean'].includes(typeof value)) {
    throw IdentityError({ cause: BadOptionError(`identity.${name}: returned ${show(value)}, must return a text, a number, true or false`) })
  }
  const text = String(value)
  // What does not fit into a byte can not be written (RFC 9110 §5.5).
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) {
    throw IdentityError({ cause: new Error(`identity.${name}: ${show(text)}, must have no control characters and none beyond U+00FF; encode it`) })
  }
  return text
}

function isFree (name: unknown): boolean {
  return typeof name === 'string' && /^[!#$%&'*+.^_`|~\dA-Z-]+$/i.test(name) && !RESERVED.has(name.toLowerCase()) && name.toLowerCase() !== 'host'
}
