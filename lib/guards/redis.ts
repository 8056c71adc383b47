import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { printable } from '../printable.js'
import { optional } from './guard.js'

/** Milliseconds between two tries to connect, at first and at the most: Redis is to be used again within a second of its return. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1000

/**
 * A connection to Redis for what every request waits for: a command fails at once while there is no connection, and is never
 * repeated, since it may have been carried out. The connection is made anew in the background, for as long as the app runs.
 * An app starts without Redis too.
 *
 * @param url `redis:` or `rediss:` (TLS), with user, password and number of the database if need be
 * @param timeout milliseconds that a command may take
 */
export async function redisFor (scope: FastifyInstance, guard: string, url: string, timeout: number): Promise<Redis> {
  const { Redis } = await optional(guard, 'ioredis', async () => await import('ioredis'))
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: timeout,
    connectTimeout: timeout,
    retryStrategy: times => Math.min(FIRST_PAUSE * 2 ** (times - 1), LONGEST_PAUSE)
  })
  report(redis, scope.log)
  scope.addHook('onReady', async () => {
    // What went wrong has been reported, and is tried again.
    await redis.connect().catch(() => {})
  })
  scope.addHook('onClose', async () => { redis.disconnect() })
  return redis
}

/** One line when the connection is lost, or for what has gone wrong since for another reason, and one when it is there again. */
function report (redis: Redis, log: FastifyBaseLogger): void {
  let last: string | undefined
  redis.on('error', (error: Error) => {
    const reason = reasonOf(error)
    if (reason === last) return
    last = reason
    // Errors of ioredis have the command that failed in them, and AUTH has the password.
    log.error({ reason: reasonOf(error) }, 'Redis can not be used')
  })
  redis.on('ready', () => {
    if (last !== undefined) log.info('Redis can be used again')
    last = undefined
  })
}

/** What went wrong, without the command that it went wrong with. */
export function reasonOf (error: unknown): string {
  return printable((error as NodeJS.ErrnoException).code ?? (error as Error).message)
}
