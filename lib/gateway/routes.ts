import type { FastifyInstance } from 'fastify'
import balancer from '../plugin.js'
import { BadOptionError } from '../errors.js'
import { applyGuards } from '../guards/index.js'
import type { Pool } from '../pool.js'
import type { RequestLog } from '../request-log.js'
import { limitBodies } from './body-limit.js'
import { FOR_ALL, guardError, guardName } from './guards.js'
import type { DocumentRoute, GatewayDocument } from './types.js'

/** What a generation of routes is made from. */
export interface RouteTable {
  readonly routes: readonly DocumentRoute[]
  readonly guards: GatewayDocument['guards']
  readonly pools: Readonly<Record<string, Pool>>
  /** Bytes of a body at most, of the routes that do not say; undefined is any number. */
  readonly bodyLimit?: number | undefined
  /** Of the routes that do not say. Default: true. */
  readonly requestLog?: RequestLog
}

/**
 * Registers routes that lead to pools which are not the app's own, each in a scope for its guards.
 *
 * @throws BadOptionError for what only shows within an app, such as a route that is there already
 */
export async function registerRoutes (app: FastifyInstance, { routes, guards = {}, pools, bodyLimit, requestLog = true }: RouteTable): Promise<void> {
  await app.register(balancer, { pools })
  const { upstreams } = app
  await applyGuards(app, guards as object, { app, pools: upstreams, name: FOR_ALL })
  for (const [i, { guards: own = {}, ...route }] of routes.entries()) {
    try {
      await app.register(async scope => {
        const limit = route.bodyLimit ?? bodyLimit
        if (limit !== undefined) limitBodies(scope, limit)
        await applyGuards(scope, own as object, { app, pools: upstreams, name: guardName(route) })
        await scope.register(balancer, { routes: [route], requestLog })
      })
    } catch (error) {
      // Each is the first of its own registration.
      const { message } = error as Error
      throw message.startsWith('routes[0]') ? BadOptionError(message.replace('routes[0]', `routes[${i}]`)) : guardError(error, 'routes', String(i))
    }
  }
}
