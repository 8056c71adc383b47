import { BadOptionError } from '../errors.js'
import { optional, type Guard } from './guard.js'

interface CompressOptions {
  readonly threshold?: number
  readonly encodings?: ReadonlyArray<'br' | 'gzip' | 'deflate' | 'zstd'>
}

/** @fastify/compress for answers. Bodies of requests go on as they came. */
export const compress: Guard<CompressOptions> = {
  schema: {
    type: 'object',
    description: 'Compresses answers that are text or JSON, and that the upstream has not compressed, for clients that ask for it. Needs @fastify/compress.',
    additionalProperties: false,
    properties: {
      threshold: { type: 'integer', minimum: 0, default: 1024, description: 'Bytes below which answers of a known length are left as they are.' },
      encodings: {
        type: 'array', minItems: 1, uniqueItems: true, items: { enum: ['br', 'gzip', 'deflate', 'zstd'] }, description: 'Encodings, the best first. zstd needs Node 22.15. Default: all that Node has.'
      }
    }
  },

  async apply (scope, { threshold = 1024, encodings }) {
    const { default: plugin } = await optional('compress', '@fastify/compress', async () => await import('@fastify/compress'))
    if (scope.hasReplyDecorator('compress')) throw BadOptionError('guards.compress: is given for what is around this already, must be left out here or there')
    await scope.register(plugin, { threshold, globalDecompression: false, ...(encodings === undefined ? undefined : { encodings: [...encodings, 'identity'] as never }) })
  }
}
