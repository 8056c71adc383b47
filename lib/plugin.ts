import type { FastifyInstance, FastifyPluginAsync, FastifyPluginOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { systemClock, type Clock } from './clock.js'
import { continueLazily } from './continue.js'
import { BadOptionError } from './errors.js'
import type { Explanation } from './explanation.js'
import { kAttempts, kRecorder } from './forwarding.js'
import { configuration, type BalancerOptions } from './options.js'
import type { AttemptRecord } from './outcome.js'
import { Pool } from './pool.js'
import { poolSettings } from './pool-settings.js'
import { mount } from './route.js'
import { addRoute } from './traffic.js'

/** Every pool of an app by name. Declare your own names in it to have them typed. */
export interface Upstreams {
  [name: string]: Pool
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Every pool of this app, whichever registration made it. */
    upstreams: Upstreams
  }
  interface FastifyRequest {
    /** What became of each attempt to forward this request, in order; empty when it is not forwarded. */
    readonly attempts: readonly AttemptRecord[]
    /** How it is decided upon, as far as that is known by now; undefined unless `explain` has it taken down. */
    readonly explanation: Explanation | undefined
  }
}

const NO_ATTEMPTS: readonly AttemptRecord[] = Object.freeze([])

/**
 * Registers pools of upstreams and the routes that lead to them.
 *
 * @throws BadOptionError (`FST_BALANCER_BAD_OPTION`) for options that can not work, before anything is started
 */
const plugin: FastifyPluginAsync<BalancerOptions & { clock?: Clock }> = async (app, { clock = systemClock, ...options }) => {
  const { pools, routes } = configuration(options)
  const upstreams = decorateOnce(app)

  const joining = new Map<string, Pool>()
  /** Those that this app has made, and not been given. */
  const own: Pool[] = []
  for (const { name, path, options } of pools) {
    if (name in upstreams) throw BadOptionError(`${path || 'name'}: a pool '${name}' is registered already, must have another name`)
    if (options instanceof Pool) {
      joining.set(name, options)
    } else {
      const pool = new Pool(poolSettings(name, options, path, app.log, clock))
      own.push(pool)
      joining.set(name, pool)
    }
  }
  const mounts = routes.map(({ path, options }) => {
    const { pool: name, websocketPool, ...route } = options
    const pool = joining.get(name) ?? (Object.hasOwn(upstreams, name) ? upstreams[name] : undefined)
    if (pool === undefined) {
      const known = [...Object.keys(upstreams), ...joining.keys()].join(', ') || 'none'
      throw BadOptionError(`${path}.pool: '${name}' is not a pool, must be one of ${known}`)
    }
    return { pool, websocketPool: joining.get(websocketPool ?? '') ?? pool, clock, path, options: route }
  })

  for (const [name, pool] of joining) upstreams[name] = pool
  for (const settings of mounts) {
    await app.register(async scope => { addRoute(upstreams, mount(scope, settings)) }, {
      ...registerOptions(options), prefix: (settings.options.prefix ?? '').replace(/\/+$/, '')
    })
  }

  app.addHook('onReady', async () => {
    continueLazily(app.server)
    await Promise.all(own.map(async pool => { await pool.start() }))
  })
  // Probes end with the first sign of closing; connections once the requests that use them have ended.
  app.addHook('preClose', async () => { for (const pool of own) pool.retire() })
  app.addHook('onClose', async () => { await Promise.all(own.map(async pool => { await pool.destroy() })) })
}

/** What Fastify itself understands of a registration, besides the prefix. */
function registerOptions ({ logLevel, logSerializers }: FastifyPluginOptions): FastifyPluginOptions {
  return { ...(logLevel === undefined ? undefined : { logLevel }), ...(logSerializers === undefined ? undefined : { logSerializers }) }
}

/**
 * Decorates the app itself, wherever in it the plugin is registered: pools have one namespace per app. Encapsulated
 * instances inherit from the one they were made from, so the root is at the end of the prototype chain.
 */
function decorateOnce (app: FastifyInstance): Upstreams {
  let root = app
  for (let parent: unknown; (parent = Object.getPrototypeOf(root)) !== Object.prototype;) root = parent as FastifyInstance
  if (!root.hasDecorator('upstreams')) {
    root.decorate('upstreams', Object.create(null) as Upstreams)
    root.decorateRequest('attempts', { getter () { return this[kAttempts] ?? NO_ATTEMPTS } })
    root.decorateRequest('explanation', { getter () { return this[kRecorder]?.explanation } })
  }
  return root.upstreams
}

export default fastifyPlugin(plugin, { fastify: '5.x', name: 'fastify-balancer' }) as FastifyPluginAsync<BalancerOptions>
