import type { FastifyInstance } from 'fastify'
import balancer, { type Upstreams } from '../plugin.js'
import { BadOptionError } from '../errors.js'
import type { Pool } from '../pool.js'
import type { RequestLog } from '../request-log.js'
import type { Extensions } from './schema.js'
import type { DocumentRoute, GatewayDocument } from './types.js'

/** What a generation of routes is made from. */
export interface RouteTable {
  readonly routes: readonly DocumentRoute[]
  readonly guards: GatewayDocument['guards']
  readonly pools: Readonly<Record<string, Pool>>
  /** Of the routes that do not say. Default: true. */
  readonly requestLog?: RequestLog
}

/**
 * Registers routes that lead to pools which are not the app's own, each in a scope for its guards.
 *
 * @throws BadOptionError for what only shows within an app, such as a route that is there already
 */
export async function registerRoutes (app: FastifyInstance, { routes, guards = {}, pools, requestLog = true }: RouteTable, extensions: Extensions): Promise<void> {
  await app.register(balancer, { pools })
  await applyGuards(app, guards, app.upstreams, extensions)
  for (const [i, { guards: own = {}, ...route }] of routes.entries()) {
    try {
      await app.register(async scope => {
        await applyGuards(scope, own, app.upstreams, extensions)
        await scope.register(balancer, { routes: [route], requestLog })
      })
    } catch (error) {
      // Each is the first of its own registration.
      const { message } = error as Error
      throw message.startsWith('routes[0]') ? BadOptionError(message.replace('routes[0]', `routes[${i}]`)) : error
    }
  }
}

/** In the order of the table and not of the document: who is turned away by an earlier one costs the later ones nothing. */
async function applyGuards (scope: FastifyInstance, options: Readonly<Record<string, unknown>>, pools: Upstreams, { guards }: Extensions): Promise<void> {
  for (const [name, guard] of Object.entries(guards)) {
    if (options[name] !== undefined) await guard.apply(scope, options[name], { app: scope, pools })
  }
}
