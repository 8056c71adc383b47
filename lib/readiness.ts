import type { FastifyReply, FastifyRequest } from 'fastify'
import { BadOptionError, show } from './errors.js'
import { check, rule } from './schema.js'
import type { TargetSnapshot } from './target.js'

export interface ReadinessOptions {
  /**
   * What a pool needs in order to be ready. `any`: a target that is up. `quorum`: more than half of them. `all`: every one.
   * A number: that share of them, 0 to 1. Targets that are draining do not count. Default: `any`.
   */
  readonly require?: 'any' | 'quorum' | 'all' | number
  /** Names of the pools that must be ready. Default: every pool of the app. */
  readonly pools?: readonly string[]
}

export interface ReadinessHandlerOptions extends ReadinessOptions {
  /** Whether the app has begun to close, from when on it is not ready. */
  readonly closing?: () => boolean
}

/** What is said of a pool: how many there are and not which. Whoever asks need not know where the targets are. */
export interface PoolReadiness {
  readonly ready: boolean
  readonly up: number
  /** Targets that are not draining. */
  readonly of: number
}

export interface Readiness {
  /** Whether each of the pools is ready. */
  readonly ready: boolean
  readonly pools: Readonly<Record<string, PoolReadiness>>
}

/** Every pool by name; `app.upstreams` is one. */
export type ReadinessSource = Readonly<Record<string, { readonly targets: readonly TargetSnapshot[] }>>

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    require: rule("'any', 'quorum', 'all' or a share from 0 to 1",
      value => ['any', 'quorum', 'all'].includes(value as string) || (typeof value === 'number' && value >= 0 && value <= 1)),
    pools: { type: 'array', minItems: 1, uniqueItems: true, items: { type: 'string' } },
    closing: rule('a function', value => typeof value === 'function')
  }
}

/**
 * Whether the pools can serve, for a load balancer in front of the gateway that asks where to send requests.
 *
 * Without health checks a target is always up.
 *
 * @throws BadOptionError for a name that is not a pool's
 */
export function readiness (upstreams: ReadinessSource, { require = 'any', pools = Object.keys(upstreams) }: ReadinessOptions = {}): Readiness {
  const states = pools.map((name, i): [string, PoolReadiness] => {
    const pool = Object.hasOwn(upstreams, name) ? upstreams[name] : undefined
    if (pool === undefined) {
      throw BadOptionError(`pools[${i}]: ${show(name)} is not a pool, must be one of ${Object.keys(upstreams).join(', ') || 'none'}`)
    }
    const targets = pool.targets.filter(({ health }) => health !== 'draining')
    const up = targets.filter(({ health }) => health === 'up').length
    return [name, { ready: suffices(require, up, targets.length), up, of: targets.length }]
  })
  return { ready: states.every(([, { ready }]) => ready), pools: Object.fromEntries(states) }
}

/** A pool in which nobody is up is ready only when nothing is asked of it, even if that is all of its targets. */
function suffices (require: NonNullable<ReadinessOptions['require']>, up: number, of: number): boolean {
  if (up === 0) return require === 0
  switch (require) {
    case 'any': return true
    case 'quorum': return up > of / 2
    case 'all': return up === of
    // Divided, because 0.14 * 50 is more than 7.
    default: return up / of >= require
  }
}

/**
 * A handler that answers 200 when the gateway is ready and 503 when it is not, or no longer because it closes.
 *
 * @throws BadOptionError at once; for a name that is not a pool's with the first request, when all pools are known
 */
export function readinessHandler (options: ReadinessHandlerOptions = {}): (request: FastifyRequest, reply: FastifyReply) => FastifyReply {
  check(schema, options)
  const { closing = () => false, ...asked } = options
  return (request, reply) => {
    const state = closing() ? { ready: false, closing: true } : readiness(request.server.upstreams, asked)
    // An answer from a cache would be of the past.
    return reply.code(state.ready ? 200 : 503).header('cache-control', 'no-store').send(state)
  }
}
