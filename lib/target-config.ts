import { isIP } from 'node:net'
import { BadOptionError, show } from './errors.js'

/** A target as configured. */
export interface TargetConfig {
  /** Origin with an optional base path: `https://a.internal:8443/v2`. */
  readonly url: string
  /** Share of the traffic, relative to the other targets; 0 drains. Default: 1. */
  readonly weight?: number
  /** Tier, 0 first: the targets of one are used when those of the tiers before it are short of healthy ones. Default: 0. */
  readonly priority?: number
  /** Where it is. Those in the pool's own zone are preferred. Default: nowhere in particular. */
  readonly zone?: string | undefined
  /**
   * Name, with its port if that is not the default of the protocol, by which the target is asked for in place of the host of its URL:
   * in `Host`, and in TLS as the name that is asked for and verified. For a URL with an address in it. Default: the host of the URL.
   */
  readonly host?: string | undefined
}

/** A target with everything decided. */
export interface CompleteTarget {
  readonly url: string
  readonly weight: number
  readonly priority: number
  readonly zone: string | undefined
  /** In lower case, without the port that is the protocol's own. */
  readonly host?: string | undefined
}

/**
 * A target as a user wrote it, checked.
 *
 * @param path where it stands in the options, for the message
 * @throws BadOptionError naming the path, the value and what is allowed
 */
export function targetConfig (value: unknown, path: string): CompleteTarget {
  const { url, weight = 1, priority = 0, zone, host, ...unknown } = (typeof value === 'string' || value instanceof URL ? { url: String(value) } : value ?? {}) as Record<string, unknown>
  if (typeof url !== 'string') throw BadOptionError(`${path}: ${show(value)}, must be a URL or { url, weight, priority, zone, host }`)
  const [extra] = Object.keys(unknown)
  if (extra !== undefined) throw BadOptionError(`${path}.${extra}: unknown option, allowed are url, weight, priority, zone, host`)
  if (typeof weight !== 'number' || !Number.isFinite(weight)) throw BadOptionError(`${path}.weight: ${show(weight)}, must be a number`)
  if (weight < 0) throw BadOptionError(`${path}.weight: ${show(weight)}, must be >= 0`)
  if (!Number.isInteger(priority) || Number(priority) < 0) throw BadOptionError(`${path}.priority: ${show(priority)}, must be an integer >= 0`)
  if (zone !== undefined && (typeof zone !== 'string' || zone === '')) throw BadOptionError(`${path}.zone: ${show(zone)}, must be a text that is not empty`)
  const canonical = targetUrl(url, path)
  return { url: canonical, weight, priority: Number(priority), zone, host: host === undefined ? undefined : targetHost(host, canonical, `${path}.host`) }
}

/** An address has no name that could be asked for in TLS, and is what URLs are for. */
function targetHost (host: unknown, url: string, path: string): string {
  const whole = `${url.slice(0, url.indexOf(':'))}://${String(host)}`
  if (typeof host !== 'string' || !/^[a-z\d_](?:[a-z\d._-]*[a-z\d_.])?(?::[1-9]\d*)?$/i.test(host) || !URL.canParse(whole) || isIP(new URL(whole).hostname) !== 0) {
    throw BadOptionError(`${path}: ${show(host)}, must be a host name, with a port if it is not the default`)
  }
  return new URL(whole).host
}

/** The one spelling of a target's URL that identifies it: origin and base path, no trailing slash. */
export function targetUrl (url: string, path: string): string {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw BadOptionError(`${path}: ${show(url)}, must be an absolute http: or https: URL${/^wss?:/i.test(url) ? ', which is where WebSockets are opened as well' : ''}`)
  }
  const parsed = new URL(url)
  if (parsed.username !== '' || parsed.password !== '') throw BadOptionError(`${path}: ${show(url)}, must not have credentials; send them as a header`)
  if (parsed.search !== '' || parsed.hash !== '') throw BadOptionError(`${path}: ${show(url)}, must not have a query or a fragment`)
  return parsed.origin + parsed.pathname.replace(/\/+$/, '')
}
