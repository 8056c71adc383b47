import type { FastifyPluginAsync } from 'fastify'
import { BadOptionError } from '../errors.js'
import { optional, type Guard } from './guard.js'
import { secretFile } from './secret-file.js'

interface JwtOptions {
  readonly secret?: string
  readonly secretFile?: string
  readonly publicKeyFile?: string
  readonly algorithms?: readonly string[]
  readonly issuer?: string | readonly string[]
  readonly audience?: string | readonly string[]
  readonly clockTolerance?: number
}

const SHARED = ['HS256', 'HS384', 'HS512']
const SIGNED = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']

const oneOrMore = (description: string): object => ({
  anyOf: [{ type: 'string', minLength: 1 }, { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } }], description
})

/** @fastify/jwt. The claims of a good token are in `request.user`. */
export const jwt: Guard<JwtOptions> = {
  schema: {
    type: 'object',
    description: 'Lets requests pass whose Authorization: Bearer has a good JSON Web Token, and answers 401 to others. Needs @fastify/jwt.',
    additionalProperties: false,
    properties: {
      secret: { type: 'string', minLength: 1, writeOnly: true, description: 'Secret that tokens are signed with (HS256, HS384, HS512).' },
      secretFile: { type: 'string', minLength: 1, description: 'The same from a file, without the line break at its end. Read once.' },
      publicKeyFile: { type: 'string', minLength: 1, description: 'Public key in PEM, of the private key that tokens are signed with. Read once.' },
      algorithms: {
        type: 'array',
        minItems: 1,
        items: { enum: [...SHARED, ...SIGNED] },
        description: 'Algorithms that are accepted. Default: those that fit the kind of key.'
      },
      issuer: oneOrMore('Values of iss that are accepted. Default: any.'),
      audience: oneOrMore('Values of aud that are accepted. Default: any.'),
      clockTolerance: { type: 'integer', minimum: 0, default: 0, description: 'Seconds by which clocks may differ, for exp and nbf.' }
    },
    oneOf: [{ required: ['secret'] }, { required: ['secretFile'] }, { required: ['publicKeyFile'] }]
  },

  async apply (scope, { secret, secretFile: path, publicKeyFile, algorithms, issuer, audience, clockTolerance = 0 }) {
    const { default: plugin } = await optional('jwt', '@fastify/jwt', async () => await import('@fastify/jwt'))
    const shared = secret ?? (path === undefined ? undefined : await secretFile('guards.jwt.secretFile', path))
    const key = shared ?? { public: await publicKey(publicKeyFile) }
    // Never an algorithm of the other kind: a public key is no secret.
    const kind = shared === undefined ? SIGNED : SHARED
    const wrong = algorithms?.find(algorithm => !kind.includes(algorithm))
    if (wrong !== undefined) throw BadOptionError(`guards.jwt.algorithms: '${wrong}' does not fit the key, must be among ${kind.join(', ')}`)
    const accepted = algorithms ?? (shared === undefined ? undefined : SHARED)
    // A scope within one that has the plugin can not have it under the same name.
    const namespace = `guard${Object.keys((scope as { jwt?: object }).jwt ?? {}).length}`
    try {
      await scope.register(plugin as unknown as FastifyPluginAsync<Record<string, unknown>>, {
        secret: key,
        namespace,
        verify: {
          ...(accepted === undefined ? undefined : { algorithms: accepted }),
          ...(issuer === undefined ? undefined : { allowedIss: issuer }),
          ...(audience === undefined ? undefined : { allowedAud: audience }),
          // A token that says nothing of it would pass.
          requiredClaims: [...(issuer === undefined ? [] : ['iss']), ...(audience === undefined ? [] : ['aud'])],
          // In milliseconds there.
          clockTolerance: clockTolerance * 1000
        }
      })
    } catch (error) {
      throw BadOptionError(`guards.jwt: ${(error as Error).message}`)
    }
    const verify = `${namespace}JwtVerify`
    if (!scope.hasRequestDecorator(verify)) throw BadOptionError('guards.jwt: this version of @fastify/jwt is not supported, must be 10')
    scope.addHook('onRequest', async (request, reply) => {
      try {
        await (Reflect.get(request, verify) as () => Promise<unknown>).call(request)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        // The plugin knows some of what can be wrong with a token; the rest, a wrong algorithm for one, would be a 500.
        if (code?.startsWith('FAST_JWT_') === true) Object.assign(error as Error, { statusCode: 401 })
        // RFC 6750 §3: what is wrong is told to who has sent a token, and to nobody else.
        reply.header('www-authenticate', code === 'FST_JWT_NO_AUTHORIZATION_IN_HEADER' ? 'Bearer' : 'Bearer error="invalid_token"')
        throw error
      }
    })
  }
}

async function publicKey (path: string | undefined): Promise<string> {
  const option = 'guards.jwt.publicKeyFile'
  const pem = await secretFile(option, path ?? '')
  if (!pem.includes('-----BEGIN PUBLIC KEY-----') && !pem.includes('-----BEGIN RSA PUBLIC KEY-----') && !pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw BadOptionError(`${option}: '${path}' must have a public key or a certificate in PEM`)
  }
  return pem
}
