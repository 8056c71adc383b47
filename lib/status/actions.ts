import type { FastifyRequest } from 'fastify'
import { BadOptionError } from '../errors.js'
import type { Pool } from '../pool.js'
import { printable } from '../printable.js'
import type { TargetSnapshot } from '../target.js'
import { targetUrl } from '../target-config.js'
import { ActionRefusedError, CrossSiteError, NoSuchTargetError } from './errors.js'

/** What an operator asks for; checked by its schema. */
export interface ActionBody {
  readonly target: string
  readonly ms?: number
  readonly reason?: string
  readonly weight?: number
}

/** What each does, and how it is logged. */
export const ACTIONS: Readonly<Record<'drain' | 'undrain' | 'eject' | 'weight', (pool: Pool, url: string, body: ActionBody) => string>> = {
  drain (pool, url) {
    pool.drain(url)
    return 'drained'
  },
  undrain (pool, url) {
    pool.drain(url, false)
    return 'undrained'
  },
  eject (pool, url, { ms = 30_000, reason }) {
    pool.eject(url, ms, `ejected by an operator${reason === undefined ? '' : `: ${printable(reason)}`}`)
    return `ejected for ${ms} ms`
  },
  weight (pool, url, { weight = 1 }) {
    pool.update(url, { weight })
    return `given weight ${weight}`
  }
}

/**
 * @throws NoSuchTargetError for a target that is not in the pool
 * @throws ActionRefusedError when the pool will not do it now
 */
export function act (name: keyof typeof ACTIONS, pool: Pool, body: ActionBody): { readonly done: string, readonly target: TargetSnapshot } {
  const url = memberOf(pool, body.target)
  try {
    const done = ACTIONS[name](pool, url, body)
    return { done, target: pool.targets.find(target => target.url === url) as TargetSnapshot }
  } catch (error) {
    if (error instanceof BadOptionError) throw ActionRefusedError((error as Error).message)
    throw error
  }
}

function memberOf (pool: Pool, given: string): string {
  let url = given
  try {
    url = targetUrl(given, 'target')
  } catch {
    // It is no URL, and so no member either.
  }
  if (pool.targets.some(target => target.url === url)) return url
  const known = pool.targets.slice(0, 20).map(target => target.url).join(', ') || 'none'
  throw NoSuchTargetError(`'${printable(given)}' is not a target of pool '${pool.name}', which has ${known}${pool.targets.length > 20 ? ', …' : ''}`)
}

/**
 * A browser sends the user's credentials with what any page makes it send. It says where the page is from, and a page can not make it
 * say something else: what does not come from a page of ours is refused. Programs send neither field.
 *
 * @throws CrossSiteError
 */
export function refuseCrossSite ({ headers, host }: FastifyRequest): void {
  const site = headers['sec-fetch-site']
  if (site !== undefined) {
    if (site !== 'same-origin' && site !== 'none') throw CrossSiteError(`Sec-Fetch-Site is ${printable(String(site))}, must be same-origin`)
    return
  }
  const { origin } = headers
  if (origin === undefined) return
  if (!URL.canParse(origin) || new URL(origin).host !== host) throw CrossSiteError(`Origin is ${printable(origin)}, must be this host, ${printable(host)}`)
}
