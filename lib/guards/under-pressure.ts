import { optional, type Guard } from './guard.js'

interface UnderPressureOptions {
  readonly maxEventLoopDelay?: number
  readonly maxEventLoopUtilization?: number
  readonly maxHeapUsedBytes?: number
  readonly maxRssBytes?: number
  readonly sampleInterval?: number
  readonly retryAfter?: number
}

const most = (description: string): object => ({ type: 'number', minimum: 0, default: 0, description: `${description} 0 is no limit.` })

export const underPressure: Guard<UnderPressureOptions> = {
  schema: {
    type: 'object',
    description: 'Answers 503 with a Retry-After while the gateway itself has too much to do. Needs @fastify/under-pressure.',
    additionalProperties: false,
    properties: {
      maxEventLoopDelay: most('Milliseconds by which the event loop may be late.'),
      maxEventLoopUtilization: { ...most('Share of the time that the event loop may be busy.'), maximum: 1 },
      maxHeapUsedBytes: most('Bytes of heap that may be in use.'),
      maxRssBytes: most('Bytes of memory that the process may have.'),
      sampleInterval: { type: 'integer', minimum: 10, maximum: 2 ** 31 - 1, default: 1000, description: 'Milliseconds from one look to the next.' },
      retryAfter: { type: 'integer', minimum: 1, default: 10, description: 'Seconds after which clients are told to try again.' }
    }
  },

  async apply (scope, options) {
    const { default: plugin } = await optional('underPressure', '@fastify/under-pressure', async () => await import('@fastify/under-pressure'))
    // It writes into what it is given.
    await scope.register(plugin, { ...options })
  }
}
