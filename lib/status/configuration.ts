import type { BreakerOptions, HealthOptions, RetryOptions } from '../pool-options.js'
import type { PoolSettings } from '../pool.js'
import { IDEMPOTENT, RETRYABLE_STATUS } from '../retry.js'

const HIDDEN = '[redacted]'

/**
 * The options of a pool that are in effect, with their defaults. Functions are their names, and what may be secret is not shown:
 * keys and passphrases of TLS, secrets of cookies, values of header fields of probes, queries.
 */
export function configurationOf (settings: PoolSettings): Record<string, unknown> {
  const { options, retry, admission, limits, breaker, timeouts, selection, health, slowStart, drainHeader, discovery, hedge, targets, observers } = settings
  const own = options.limits ?? {}
  return {
    targets: targets.map(target => ({ ...target })),
    discovery: named(options.discovery),
    discoveryTimeout: discovery?.timeout,
    policy: policyOf(options.policy ?? 'round-robin'),
    retries: retriesOf(typeof options.retries === 'number' ? {} : options.retries ?? {}, retry),
    hedge: hedge === undefined ? false : plain(options.hedge),
    replayBytes: retry.replayBytes,
    panic: selection.panic,
    health: health === undefined ? false : healthOf(options.health ?? {}, health),
    breaker: breaker === undefined ? false : breakerOf(options.breaker === false ? {} : options.breaker ?? {}, breaker),
    limits: {
      inFlight: admission.inFlight,
      target: limits.target,
      connections: limits.connections,
      streams: admission.streams,
      queue: admission.queue.size,
      queueTimeout: admission.queue.timeout,
      queueOrder: admission.queue.order,
      adaptive: plain(own.adaptive ?? false)
    },
    zone: selection.zone,
    overprovisioning: selection.overprovisioning,
    slowStart: slowStart === undefined ? false : { ...slowStart },
    affinity: options.affinity === undefined ? false : { ...options.affinity, secret: HIDDEN },
    drainHeader: drainHeader ?? false,
    timeouts: { ...timeouts },
    tls: tlsOf(options.tls ?? {}),
    observers: observers.length
  }
}

function policyOf (policy: NonNullable<PoolSettings['options']['policy']>): unknown {
  return typeof policy === 'object' ? { fallback: 'random', ...plain(policy) as object } : named(policy)
}

function retriesOf ({ statuses, methods, when, budget = {} }: RetryOptions, { max, backoff, retryAfter }: PoolSettings['retry']): object {
  const rule = when === undefined ? { statuses: statuses ?? RETRYABLE_STATUS, methods: methods ?? IDEMPOTENT } : { when: named(when) }
  return {
    max,
    ...rule,
    backoff: backoff.base,
    maxBackoff: backoff.max,
    retryAfter,
    budget: budget === false ? false : { share: 0.2, floor: 10, window: 10_000, ...budget }
  }
}

function healthOf (given: HealthOptions, settings: NonNullable<PoolSettings['health']>): object {
  if ('verdicts' in settings) return { verdicts: named(settings.verdicts), initial: settings.initial }
  const { interval, jitter, timeout, rise, fall, initial } = settings
  const { path = '/', headers = {}, probe, type = 'http', method = 'GET', status = '200-299', body, port } = given
  const asked = probe !== undefined
    ? { probe: named(probe) }
    : type === 'tcp'
      ? { type }
      : {
          type,
          method,
          path: path.replace(/\?.*/s, `?${HIDDEN}`),
          headers: Object.fromEntries(Object.keys(headers).map(name => [name, HIDDEN])),
          status: plain(status),
          body: plain(body)
        }
  return { ...asked, port, interval, jitter, timeout, rise, fall, initial }
}

function breakerOf (given: BreakerOptions, { ejection, maxEjected, reconnect }: NonNullable<PoolSettings['breaker']>): object {
  const { breaker, consecutive = 5, failureRate = 0.5, minimumRequests = 20, window = 10_000, faults = ['unsent', 'failed', 'broken', '500-599'] } = given
  return {
    ...(breaker === undefined ? { consecutive, failureRate, minimumRequests, window } : { breaker: named(breaker) }),
    faults,
    ejection: ejection.base,
    maxEjection: ejection.max,
    jitter: ejection.jitter,
    maxEjected,
    reconnect
  }
}

/** Certificates are no secret, and nobody reads them here. */
function tlsOf (given: NonNullable<PoolSettings['options']['tls']>): object {
  const shown = new Set(['servername', 'rejectUnauthorized', 'caFile', 'certFile', 'keyFile', 'reloadInterval', 'minVersion', 'maxVersion'])
  return Object.fromEntries(Object.entries({ rejectUnauthorized: true, ...given }).filter(([, value]) => value !== undefined).map(([name, value]) => [
    name, shown.has(name) ? plain(value) : name === 'ca' || name === 'cert' ? '[PEM]' : HIDDEN
  ]))
}

function named (value: unknown): unknown {
  if (typeof value !== 'function') return value
  return value.name === '' ? '[function]' : `[function ${value.name}]`
}

/** As JSON can say it. */
function plain (value: unknown): unknown {
  if (typeof value === 'function') return named(value)
  if (value instanceof RegExp) return String(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
  return value
}
