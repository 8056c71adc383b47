import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify'
import { kAttempts } from '../forwarding.js'
import { LOG } from './standards.js'
import type { LogOptions } from './types.js'

/** Where log lines go: a stream of Node, or whatever can be written to. */
export interface LogStream {
  write (line: string): unknown
}

/**
 * The gateway's own logger: pino's JSON lines, or lines for people.
 *
 * @throws Error when `pretty` is true and pino-pretty is not there
 */
export async function makeLog ({ level = LOG.level, pretty = LOG.pretty }: LogOptions, stream: LogStream & { readonly isTTY?: boolean }): Promise<FastifyBaseLogger> {
  const prettily = pretty === true || (pretty === 'auto' && stream.isTTY === true) ? await prettyStream(stream, pretty === true) : undefined
  // Fastify knows how to write requests, answers and errors.
  return Fastify({ logger: { level, stream: prettily ?? stream } }).log
}

/** Options for an app that leaves the lines of its requests to `logRequests`. Newer versions of Fastify want to be told in another way. */
export function ownRequestLines (): object {
  const { LogController } = Fastify as { LogController?: new (options: object) => object }
  return LogController === undefined ? { disableRequestLogging: true } : { logController: new LogController({ disableRequestLogging: true }) }
}

/** What went wrong with a request. */
const kError = Symbol('fastify-balancer.error')

declare module 'fastify' {
  interface FastifyRequest {
    [kError]?: Error & { code?: string }
  }
}

/**
 * One line for each request that is not forwarded, such as one that a guard has refused, or that no route is for. Forwarded ones have
 * theirs already. To be called before there are routes.
 *
 * @param all whether there is one for each; otherwise only for those that have failed within the gateway
 */
export function logRequests (app: FastifyInstance, all: boolean): void {
  app.addHook('onRequest', (request, _reply, done) => {
    // A logger of somebody's own need not have it. The pattern of a route is not the client's, whereas a path may have secrets in it.
    const log = request.log as FastifyBaseLogger & { setBindings?: (bindings: object) => void }
    log.setBindings?.({ method: request.method, route: request.is404 ? undefined : request.routeOptions.url })
    done()
  })
  app.addHook('onError', (request, _reply, error, done) => {
    request[kError] = error
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const error = request[kError]
    const { statusCode: status } = reply
    const fields = { status, ...(error?.code === undefined ? undefined : { code: error.code }), ms: Math.round(reply.elapsedTime * 1000) / 1000 }
    if (hasLine(request, error)) {
      // By the pool.
    } else if (status >= 500) {
      request.log.error({ ...fields, err: error }, 'request failed')
    } else if (all) {
      request.log.info(fields, 'request answered')
    }
    done()
  })
}

/** Whether it was forwarded, and nothing has failed but that. */
function hasLine (request: FastifyRequest, error: { readonly code?: string } | undefined): boolean {
  return request[kAttempts] !== undefined && (error === undefined || error.code?.startsWith('FST_BALANCER_') === true)
}

async function prettyStream (stream: LogStream, required: boolean): Promise<LogStream | undefined> {
  // An optional peer, which need not be there when this is compiled either.
  const name = 'pino-pretty'
  try {
    const { default: { prettyFactory } } = await import(name) as { default: { prettyFactory: (options: object) => (line: string) => string } }
    const format = prettyFactory({ colorize: true, ignore: 'pid,hostname' })
    return { write: line => stream.write(format(line)) }
  } catch (error) {
    if (required) throw new Error('log.pretty: true needs pino-pretty: npm install pino-pretty', { cause: error })
    return undefined
  }
}
