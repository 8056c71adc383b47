import { STATUS_CODES } from 'node:http'
import { Ajv } from 'ajv'
import type { FastifyError, FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { systemClock } from '../clock.js'
import { BadOptionError, show } from '../errors.js'
import * as balancer from '../index.js'
import { printable } from '../printable.js'
import { readiness } from '../readiness.js'
import { check } from '../schema.js'
import { isClosing } from '../shutdown.js'
import { routesOf } from '../traffic.js'
import { act, refuseCrossSite, type ActionBody, type ACTIONS } from './actions.js'
import { configurationOf } from './configuration.js'
import { ActionsOffError, NoSuchPoolError, NotUnderstoodError, TooManyWatchersError } from './errors.js'
import { Feed } from './feed.js'
import { statusSchema, type ClockedOptions, type StatusOptions } from './options.js'
import { mountPage } from './page.js'
import {
  actionSchemas, configurationSchema, eventsSchema, explainSchema, liveSchema, poolSchema, readySchema, stateSchema, transitionsSchema
} from './schemas.js'
import { poolState, stateOf, transitionsOf, type Deed, type Pools } from './state.js'

export type { StatusOptions } from './options.js'
export type { Deed, PoolState, PoolTransition, Pools, Problem, State, TargetState, Totals } from './state.js'
export type { FullEvent, Row, TickEvent } from './feed.js'

/** Deeds of operators that are remembered. */
const DEEDS = 100

/** Transitions that a reader of the events is told of at first. */
const TRANSITIONS = 200

/** Bytes of a request: nothing that is asked for is longer. */
const BODY_LIMIT = 64 * 1024

const plugin: FastifyPluginAsync<ClockedOptions> = async (app, options) => {
  check(statusSchema, options)
  // A hook that is not there, by a slip of the pen, would let everybody in.
  if ('onRequest' in options && options.onRequest === undefined) throw BadOptionError('onRequest: undefined, must be a function or a list of functions, or be left out')
  const {
    onRequest, actions = onRequest !== undefined, who = ({ ip }: FastifyRequest) => ip, dashboard = true, require = 'any', clients = 20, interval = 1000,
    upstreams = app.hasDecorator('upstreams') ? app.upstreams : undefined, routes = () => routesOf(app), closing = () => isClosing(app), clock = systemClock
  } = options
  if (upstreams === undefined) throw BadOptionError('upstreams: missing, must be given when the balancer has not been registered with the app before')
  const pools = (): Pools => typeof upstreams === 'function' ? upstreams() : upstreams
  const deeds: Deed[] = []
  const state = (): ReturnType<typeof stateOf> => stateOf(pools(), routes(), { at: clock.wall(), closing: closing(), actions })
  const feed = new Feed({ clock, interval, clients, state: () => ({ ...state(), transitions: transitionsOf(pools(), TRANSITIONS), deeds: [...deeds].reverse() }) })
  const poolOf = (request: FastifyRequest): balancer.Pool => {
    const { pool: name } = request.params as { pool: string }
    return poolNamed(pools(), name)
  }

  // Nothing but JSON is taken: a page of another site can not send that without asking first.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: BODY_LIMIT }, app.getDefaultJsonParser('error', 'error'))
  app.setErrorHandler(answerError)
  // What Fastify does with bodies, to make null a 0 and to drop what it does not know, is no good for actions.
  const exact = new Ajv({ useDefaults: true })
  const lenient = new Ajv({ useDefaults: true, coerceTypes: true })
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? exact : lenient).compile(schema as object))
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
  })
  app.addHook('preClose', async () => { feed.end() })

  app.get('/live', { schema: liveSchema }, async () => ({ live: true }))
  app.get('/ready', { schema: readySchema }, async (_request, reply) => {
    const answer = closing() ? { ready: false, closing: true } : readiness(pools(), { require })
    return await reply.code((answer.ready ? 200 : 503) as 200).send(answer)
  })

  await app.register(async guarded => {
    for (const hook of onRequest === undefined ? [] : [onRequest].flat()) guarded.addHook('onRequest', hook)
    guarded.get('/api/state', { schema: stateSchema }, state)
    guarded.get('/api/pools/:pool', { schema: poolSchema }, async request => poolState(poolOf(request), clock.wall()))
    guarded.get('/api/pools/:pool/configuration', { schema: configurationSchema }, async request => configurationOf(poolOf(request).settings))
    guarded.get<{ Querystring: { pool?: string, limit: number } }>('/api/transitions', { schema: transitionsSchema }, async ({ query: { pool, limit } }) => {
      const asked = pool === undefined ? pools() : { [pool]: poolNamed(pools(), pool) }
      const ofPool = pool === undefined ? deeds : deeds.filter(deed => deed.pool === pool)
      return { transitions: transitionsOf(asked, limit), deeds: [...ofPool].reverse().slice(0, limit) }
    })
    // Its HEAD would be a reader who reads nothing.
    guarded.get('/api/events', { schema: eventsSchema, exposeHeadRoute: false }, (_request, reply) => {
      if (feed.full) {
        reply.header('retry-after', '5')
        throw TooManyWatchersError(clients)
      }
      // Answers that have not begun when the app closes would keep it from closing.
      reply.hijack()
      reply.raw.writeHead(200, { ...reply.getHeaders() as Record<string, string>, 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
      feed.add(reply.raw)
    })
    guarded.post('/api/pools/:pool/explain', { schema: explainSchema }, async request => {
      refuseCrossSite(request)
      return explained(poolOf(request), request.body as balancer.SupposedRequest)
    })
    for (const [name, schema] of Object.entries(actionSchemas)) {
      guarded.post<{ Params: { pool: string }, Body: ActionBody }>(`/api/pools/:pool/${name}`, { schema }, async request => {
        if (!actions) throw ActionsOffError()
        refuseCrossSite(request)
        const pool = poolOf(request)
        const by = await nameOf(request, who)
        const { done, target: { url } } = act(name as keyof typeof ACTIONS, pool, request.body)
        const deed = { at: clock.wall(), who: by, action: done, pool: pool.name, target: url }
        deeds.push(deed)
        if (deeds.length > DEEDS) deeds.shift()
        request.log.info(deed, 'an operator has changed a target')
        return poolState(pool, clock.wall()).targets.find(target => target.url === url)
      })
    }
    if (dashboard) await mountPage(guarded)
  })
}

/**
 * Who asks, as it is logged.
 *
 * @throws BadOptionError when `who` does not say
 */
async function nameOf (request: FastifyRequest, who: NonNullable<StatusOptions['who']>): Promise<string> {
  const name: unknown = await who(request)
  if (typeof name !== 'string' || name === '') throw BadOptionError(`who: returned ${show(name)}, must return a text that is not empty`)
  return printable(name)
}

/**
 * @param name as it is in the path, or encoded once more: some proxies decode the slashes of a name that is encoded once
 * @throws NoSuchPoolError
 */
function poolNamed (pools: Pools, name: string): balancer.Pool {
  const pool = ownPool(pools, name) ?? ownPool(pools, decoded(name))
  if (pool === undefined) throw NoSuchPoolError(`'${printable(name)}' is not a pool, must be one of ${Object.keys(pools).join(', ') || 'none'}`)
  return pool
}

function ownPool (pools: Pools, name: string): balancer.Pool | undefined {
  return Object.hasOwn(pools, name) ? pools[name] : undefined
}

function decoded (name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** @throws NotUnderstoodError for a request that makes no sense: it is the asker's mistake, and no option of the app's */
function explained (pool: balancer.Pool, request: balancer.SupposedRequest): object {
  try {
    const explanation = pool.explain(request)
    return { text: balancer.explainText(explanation), explanation }
  } catch (error) {
    if (error instanceof BadOptionError) throw NotUnderstoodError((error as Error).message)
    throw error
  }
}

/** What the plugin, the user's hook or Fastify says is passed on; what nobody has foreseen is for the log. */
async function answerError (this: FastifyInstance, error: FastifyError, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { statusCode = reply.statusCode >= 400 ? reply.statusCode : 500, code } = error
  const foreseen = statusCode < 500 || code?.startsWith('FST_BALANCER_') === true
  if (!foreseen) request.log.error({ err: error }, 'the status API failed')
  await reply.code(statusCode).send({ statusCode, code, error: STATUS_CODES[statusCode] ?? 'Error', message: foreseen ? error.message : 'Internal Server Error' })
}

/**
 * What pools and targets do, for people and programs: `GET {prefix}/api/state`, events, actions, readiness, and a page for browsers.
 *
 * @throws BadOptionError for options that can not work
 */
export const status: FastifyPluginAsync<StatusOptions> = plugin
export default status
