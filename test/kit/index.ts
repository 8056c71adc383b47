/**
 * Real servers and clients on loopback, on ports that the system chooses, each gone at the end of its test.
 *
 * Importing this file makes the test fail on warnings; tap itself fails on uncaught errors and unhandled rejections.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { createHash } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import { Agent, type Dispatcher } from 'undici'
import { listening } from './listening.js'
import balancer, { type BalancerOptions } from '../../lib/index.js'

process.on('warning', warning => { throw warning })

/** Where nobody listens: the system refuses these ports to everyone but root's own services. */
export const REFUSING = 'http://127.0.0.1:1'
export const ALSO_REFUSING = 'http://127.0.0.1:2'

export interface Upstream {
  readonly url: string
  readonly port: number
  readonly server: Server
  /** Requests seen so far. */
  readonly hits: () => number
  /** Ends the listener and every connection at once, as a killed process would. */
  readonly kill: () => Promise<void>
}

/** Any port of the system's choosing, unless one is given to come back on. */
export async function upstream (t: Test, listener: RequestListener, port = 0): Promise<Upstream> {
  let hits = 0
  const server = createServer((request, response) => {
    hits++
    listener(request, response)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const kill = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  t.teardown(kill)
  const { port: actual } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${actual}`, port: actual, server, hits: () => hits, kill }
}

/** What `named` and `digest` upstreams answer with. */
export interface Echo {
  readonly name: string
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly bytes: number
  readonly sha256: string
}

/** Reads the whole request and answers with what it was, as JSON. */
export async function named (t: Test, name: string, port = 0): Promise<Upstream> {
  return await upstream(t, (request, response) => {
    void digest(request).then(({ bytes, sha256 }) => {
      const echo: Echo = {
        name, method: request.method ?? '', url: request.url ?? '', headers: request.headers as Record<string, string>, bytes, sha256
      }
      const body = JSON.stringify(echo)
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'x-name': name })
      response.end(body)
    }, () => { response.destroy() })
  }, port)
}

export async function digest (body: IncomingMessage | AsyncIterable<Buffer>): Promise<{ bytes: number, sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: hash.digest('hex') }
}

export function sha256 (bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A server of bytes: `script` gets every connection. */
export async function rawUpstream (t: Test, script: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer()
  const port = await listening(t, server)
  server.on('connection', script)
  return `http://127.0.0.1:${port}`
}

/** A server of bytes that sends `answer` for the first thing it is sent on each connection. */
export async function answering (t: Test, answer: string, after: 'keep' | 'end' | 'reset' = 'keep'): Promise<string> {
  return await rawUpstream(t, socket => {
    socket.once('data', () => {
      socket.write(answer, 'latin1', () => {
        if (after === 'end') socket.end()
        if (after === 'reset') socket.resetAndDestroy()
      })
    })
  })
}

export interface LogLine { readonly level: number, readonly msg: string, readonly [field: string]: unknown }

export interface Gateway {
  readonly app: FastifyInstance
  /** Where it listens. */
  readonly url: string
  readonly port: number
  /** A client of its own, so that nothing is shared between tests. */
  readonly client: Dispatcher
  /** Every line logged so far. */
  readonly log: LogLine[]
  readonly request: (path: string, options?: Partial<Dispatcher.RequestOptions>) => Promise<Dispatcher.ResponseData>
}

/** An app with the plugin, listening. `before` runs on the app before the plugin is registered, `after` afterwards. */
export async function gateway (
  t: Test,
  options: BalancerOptions & { clock?: unknown },
  { before, after, ...fastifyOptions }: FastifyServerOptions & { before?: (app: FastifyInstance) => unknown, after?: (app: FastifyInstance) => unknown } = {}
): Promise<Gateway> {
  const { app, log } = logged(fastifyOptions)
  // Clients go first: an app waits for its connections to end.
  const client = new Agent({ keepAliveTimeout: 1000 })
  t.teardown(async () => {
    await client.destroy()
    await app.close()
  })
  await before?.(app)
  await app.register(balancer, options as BalancerOptions)
  await after?.(app)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    app,
    url,
    port: Number(new URL(url).port),
    client,
    log,
    request: async (path, requestOptions) => await client.request({ origin: url, path, method: 'GET', ...requestOptions })
  }
}

/** An app whose log lines are kept. */
export function logged (options: FastifyServerOptions = {}): { app: FastifyInstance, log: LogLine[] } {
  const log: LogLine[] = []
  const app = Fastify({
    logger: { level: 'debug', stream: { write: (line: string) => { log.push(JSON.parse(line) as LogLine) } } },
    forceCloseConnections: true,
    ...options
  } as FastifyServerOptions) as unknown as FastifyInstance
  return { app, log }
}

/** Resolves once `condition` holds; rejects after `ms` milliseconds. For facts that no event tells of. */
export async function until (condition: () => boolean, ms = 5000): Promise<void> {
  const end = performance.now() + ms
  while (!condition()) {
    if (performance.now() > end) throw new Error(`still not so after ${ms} ms: ${condition.toString()}`)
    await new Promise(resolve => { setTimeout(resolve, 2) })
  }
}
