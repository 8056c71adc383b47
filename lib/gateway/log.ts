import Fastify, { type FastifyBaseLogger } from 'fastify'
import type { LogOptions } from './types.js'

/** Where log lines go; a stream of Node, or what pino-pretty makes of one. */
export interface LogStream {
  write (line: string): unknown
}

/**
 * The gateway's own logger: pino's JSON lines, or lines for people.
 *
 * @throws Error when `pretty` is true and pino-pretty is not there
 */
export async function makeLog ({ level = 'info', pretty = 'auto' }: LogOptions, stream: LogStream & { readonly isTTY?: boolean }): Promise<FastifyBaseLogger> {
  const prettily = pretty === true || (pretty === 'auto' && stream.isTTY === true) ? await prettyStream(stream, pretty === true) : undefined
  // Fastify knows how to write requests, answers and errors.
  return Fastify({ logger: { level, stream: prettily ?? stream } }).log
}

/** Options for an app whose requests are logged or not. Newer versions of Fastify want to be told in another way. */
export function requestLogging (on: boolean): object {
  if (on) return {}
  const { LogController } = Fastify as { LogController?: new (options: object) => object }
  return LogController === undefined ? { disableRequestLogging: true } : { logController: new LogController({ disableRequestLogging: true }) }
}

async function prettyStream (stream: LogStream, required: boolean): Promise<LogStream | undefined> {
  // An optional peer, which need not be there when this is compiled either.
  const name = 'pino-pretty'
  try {
    const { default: pretty } = await import(name) as { default: (options: object) => LogStream }
    return pretty({ destination: stream, colorize: true, ignore: 'pid,hostname' })
  } catch (error) {
    if (required) throw new Error('log.pretty: true needs pino-pretty: npm install pino-pretty', { cause: error })
    return undefined
  }
}
