import type { IncomingMessage, Server } from 'node:http'
import { constants } from 'node:os'
import type { FastifyBaseLogger, FastifyInstance, FastifyTypeProvider, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerBase } from 'fastify'
import { ClientConnections } from './client-connections.js'
import { sleep, systemClock, turnEnds, type Clock } from './clock.js'
import { BadOptionError, show } from './errors.js'
import { flag, LONGEST_TIMER, milliseconds, object } from './option-types.js'
import { check, rule } from './schema.js'
import { endOnSignal } from './signals.js'

export interface ShutdownOptions {
  /** Signals that begin it. Default: SIGTERM and SIGINT. An empty list leaves them to the caller. */
  readonly signals?: readonly NodeJS.Signals[]
  /** Milliseconds for which everything is served as before, while a load balancer in front finds that the app is not ready. Default: 0. */
  readonly delay?: number
  /** Milliseconds for which a connection that nothing comes on is kept, at most what the delay leaves of the grace. Default: 500. */
  readonly linger?: number
  /** Milliseconds after which what is still under way is ended, counted from the beginning. Default: 10000. */
  readonly grace?: number
  /** Whether a signal ends the process once the app is closed, whatever else keeps it running. Default: true. */
  readonly exit?: boolean
}

/** Milliseconds that the last words of what has been ended at the grace have to reach their clients. */
const LAST_WORDS = 100

/** Milliseconds after the grace at which a process that was told to end does so, closed or not. */
const EXIT_WITHIN = 200

/** Where a server keeps what its shutdown knows. */
const kClosing = Symbol('fastify-balancer.closing')

interface Closing {
  begun: boolean
  readonly connections: ClientConnections
}

declare module 'node:http' {
  interface Server {
    /** Undefined unless `shutdown` looks after the app. */
    [kClosing]?: Closing
  }
}

const schema = object({
  signals: { type: 'array', uniqueItems: true, items: rule('a signal that a process can catch, such as SIGTERM', isCatchable) },
  delay: milliseconds,
  linger: milliseconds,
  grace: { ...milliseconds, maximum: LONGEST_TIMER - EXIT_WITHIN },
  exit: flag,
  clock: { deprecated: true }
})

function isCatchable (signal: unknown): boolean {
  return typeof signal === 'string' && Object.hasOwn(constants.signals, signal) && signal !== 'SIGKILL' && signal !== 'SIGSTOP'
}

/** What a shutdown uses of a pool. */
interface Retiring {
  endAll (): void
}

/**
 * Closes the app in an order in which no request is lost, when the process gets a signal. To be called once, before `listen`.
 *
 * 1. `isClosing(app)` is true, for the readiness handler, and every answer on HTTP/1 ends its connection, but for those that have begun.
 * 2. For `delay` everything is served as before.
 * 3. For `linger` too: Node ends silent connections the moment that a server closes, and with them the request that a client
 *    is just sending. One that comes in this time is answered; who sends none has nothing to lose. At its end nobody new is let in.
 * 4. The app closes. From here on Fastify answers 503 (see its `return503OnClosing`), but nobody should be left to be told:
 *    the only connections still open are busy with an answer. What is under way may go on until the grace, or the pool's own
 *    `timeouts.grace` from here on, at which pools end streams politely and the rest with a 503. Last, connections are cut.
 * 5. The process exits with code 0, or with 1 when the app could not close. A second signal ends it at once, with 1.
 *
 * An app with `forceCloseConnections: true` cuts everything off in step 4. When it listens on `localhost` and that is two
 * addresses, Fastify waits for the requests of the first one only.
 *
 * @param instance the app itself, not an encapsulated part of it; over HTTP, HTTPS or HTTP/2, with any logger
 * @returns does the same from code, but for the exit; settles as `app.close()` does
 * @throws BadOptionError
 */
export function shutdown<
  Raw extends RawServerBase,
  Request extends RawRequestDefaultExpression<Raw>,
  Reply extends RawReplyDefaultExpression<Raw>,
  Logger extends FastifyBaseLogger,
  Provider extends FastifyTypeProvider
> (instance: FastifyInstance<Raw, Request, Reply, Logger, Provider>, options: ShutdownOptions & { clock?: Clock } = {}): () => Promise<void> {
  check(schema, options)
  const { signals = ['SIGTERM', 'SIGINT'], delay = 0, linger = 500, grace = 10_000, exit = true, clock = systemClock } = options
  if (delay > grace) throw BadOptionError(`delay: ${show(delay)}, must not be longer than grace, which is ${grace}`)
  const app = instance as unknown as FastifyInstance
  const { server, log } = app
  if (server[kClosing] !== undefined) throw BadOptionError('app: has a shutdown already, must have one only')
  const silence = Math.min(linger, grace - delay)
  const closed = new AbortController()
  const connections = new ClientConnections(server, clock)
  const state: Closing = server[kClosing] = { begun: false, connections }
  let closing: Promise<void> | undefined

  endWithAnswers(app, () => server)
  app.addHook('preClose', async () => {
    // Who closes the app by itself skips what comes before.
    state.begun = true
    connections.endSilent(silence)
    connections.goAway()
  })
  app.addHook('onClose', async () => {
    closed.abort()
    if (closing === undefined) release()
  })
  const release = endOnSignal({ signals, within: grace + EXIT_WITHIN, exit, clock, log }, async signal => { await (closing ??= close(signal)) })

  async function close (signal?: NodeJS.Signals): Promise<void> {
    const started = clock.now()
    state.begun = true
    log.info({ signal }, 'shutting down')
    let cut = 0
    const timers = [
      clock.after(grace, () => { for (const pool of poolsOf(app)) pool.endAll() }),
      clock.after(grace + LAST_WORDS, () => { cut = connections.destroy() })
    ]
    try {
      if (server.listening) {
        await sleep(clock, delay, closed.signal)
        connections.endSilent(silence)
        await sleep(clock, silence, closed.signal)
        await connections.refuse()
        await connections.allRead()
      }
      await app.close()
      // The lines of the last requests come before this one.
      await turnEnds()
      log.info({ signal, ms: Math.round(clock.now() - started), cut }, 'shut down')
    } catch (error) {
      log.error({ signal, err: error }, 'could not shut down')
      throw error
    } finally {
      for (const cancel of timers) cancel()
      release()
    }
  }

  return async () => {
    closing ??= close()
    await closing
  }
}

/** Whether the app has begun to shut down, or to close. False for an app without `shutdown`. */
export function isClosing (app: { readonly server: RawServerBase }): boolean {
  return (app.server as Server)[kClosing]?.begun === true
}

/** Whatever is still open on a server whose shutdown has begun is cut off. @returns how many connections were in use */
export function cutOff (server: Server): number {
  return server[kClosing]?.connections.destroy() ?? 0
}

/** From now on a server's answers end their connections, on HTTP/1, though the server itself goes on. */
export function beginClosing (server: Server): void {
  if (server[kClosing] !== undefined) server[kClosing].begun = true
}

/** Tells HTTP/2 clients of a server to send nothing more on the connections that they have. */
export function goAway (server: Server): void {
  server[kClosing]?.connections.goAway()
}

/** Has the answers of an app end their connections once the server that the request came by begins to close. */
export function endWithAnswers (app: FastifyInstance, serverOf: (request: IncomingMessage) => Server | undefined): void {
  app.addHook('onSend', ({ raw }, reply, _payload, done) => {
    const closing = raw.httpVersionMajor === 2 ? undefined : serverOf(raw)?.[kClosing]
    if (closing?.begun === true) {
      // Retired pools end the connection with every answer.
      reply.header('connection', closing.connections.isLast(raw) ? 'close' : 'keep-alive')
    }
    done()
  })
}

/** None without the plugin, whose name for them it is. */
function poolsOf (app: FastifyInstance): readonly Retiring[] {
  return app.hasDecorator('upstreams') ? Object.values<Retiring>(app.upstreams) : []
}
