import { isDeepStrictEqual } from 'node:util'
import { Affinity, cookieAttributes } from './affinity.js'
import { RetryBudget } from './budget.js'
import type { Clock } from './clock.js'
import { BadOptionError, show } from './errors.js'
import type { Probe } from './health/active.js'
import type { BreakerSettings } from './health/ejector.js'
import { consecutiveFaults, eitherOf, failureRate, faultRule, type BreakerFactory, type Fault, type FaultRule } from './health/passive.js'
import { httpProbe } from './health/probes/http.js'
import { tcpProbe } from './health/probes/tcp.js'
import { hedging } from './hedge.js'
import { keyReader } from './key.js'
import { Gradient2 } from './limits/gradient2.js'
import { hash } from './policies/hash.js'
import { ownPolicy } from './policies/own.js'
import type { Policy } from './policy.js'
import {
  DEFAULT_BUDGET, DEFAULT_LIMITS, POLICIES, type AffinityOptions, type BreakerOptions, type HealthOptions, type LimitOptions, type PolicyOption, type PoolOptions, type RetryOptions,
  type SlowStartOptions
} from './pool-options.js'
import { assertDistinct, type PoolLogger, type PoolSettings } from './pool.js'
import { IDEMPOTENT, retryRule, RETRYABLE_STATUS } from './retry.js'
import type { SlowStartSettings } from './slow-start.js'
import type { TargetLimits } from './target.js'
import { targetConfig } from './target-config.js'
import { Tls } from './tls.js'

/**
 * A pool's options with everything decided.
 *
 * @param path where they stand, for messages
 * @param before what the pool has: parts whose options are the same are taken over, with what they have counted
 * @throws BadOptionError
 */
export function poolSettings (name: string, options: PoolOptions, path: string, log: PoolLogger, clock: Clock, before?: PoolSettings): PoolSettings {
  const {
    policy = 'round-robin', replayBytes = 64 * 1024, panic = policy === 'first' ? 0 : 0.5, health, timeouts = {}, observers = [], hedge, breaker = {},
    limits = {}, zone, overprovisioning = 1.4, slowStart, affinity, drainHeader = 'x-upstream-drain', discovery, discoveryTimeout = 5000
  } = options
  const { connect = 2000, try: each = 0, headers = 30_000, idle = 60_000, total = 0, tunnel = 3_600_000, grace = 10_000 } = timeouts
  const { inFlight = DEFAULT_LIMITS.inFlight, streams = 0, queue = DEFAULT_LIMITS.queue, queueTimeout = 1000, queueOrder = 'oldest' } = limits
  const within = (key: string): string => path === '' ? key : `${path}.${key}`
  // Not map: it would skip the holes of a sparse list.
  const unchanged = (...keys: Array<keyof PoolOptions>): PoolSettings | undefined =>
    keys.every(key => isDeepStrictEqual(before?.options[key], options[key])) ? before : undefined
  const targets = unchanged('targets')?.targets ?? Array.from(options.targets ?? [], (target, i) => targetConfig(target, within(`targets[${i}]`)))
  assertDistinct(targets, within('targets'))
  if (options.targets === undefined && discovery === undefined) throw BadOptionError(`${within('targets')}: missing, must be given unless there is discovery`)
  if (discovery === undefined) assertUnused({ discoveryTimeout: options.discoveryTimeout }, path, 'there is no discovery')
  if (targets.length > 0 && targets.every(target => target.weight === 0)) throw BadOptionError(`${within('targets')}: every weight is 0, must be > 0 for at least one`)
  if (affinity !== undefined) assertKept(affinity, within('affinity'))
  const drain = drainHeader === false ? undefined : drainHeader.toLowerCase()
  const tls = unchanged('tls')?.tls ?? new Tls(options.tls ?? {}, within('tls'), name, log, clock)
  const sameAdaptive = before !== undefined && isDeepStrictEqual(before.options.limits?.adaptive, limits.adaptive)
  return {
    name,
    options,
    keyOf: typeof policy === 'object' ? unchanged('policy')?.keyOf ?? keyReader(policy.key) : undefined,
    policy: policyName(policy),
    targets,
    discovery: discovery === undefined ? undefined : unchanged('discovery')?.discovery ?? { source: discovery, timeout: discoveryTimeout },
    selection: { policy: unchanged('policy')?.selection.policy ?? policyMaker(policy, clock), followsLoad: followsLoad(policy), panic, zone, overprovisioning },
    retry: unchanged('retries', 'replayBytes')?.retry ?? retrySettings(options.retries ?? {}, replayBytes, within('retries'), clock),
    hedge: hedge === undefined ? undefined : unchanged('hedge')?.hedge ?? hedging(clock, hedge),
    admission: { inFlight, streams, queue: { size: queue, timeout: queueTimeout, order: queueOrder } },
    limits: { ...targetLimits(limits, within('limits')), ...(sameAdaptive ? { adaptive: before.limits.adaptive } : undefined) },
    breaker: breaker === false ? undefined : unchanged('breaker')?.breaker ?? breakerSettings(breaker, within('breaker')),
    slowStart: slowStart === undefined ? undefined : slowStartSettings(slowStart),
    affinity: affinity === undefined ? undefined : unchanged('affinity')?.affinity ?? makeAffinity(affinity),
    drainHeader: drain,
    health: health === undefined ? undefined : unchanged('health', 'tls', 'drainHeader')?.health ?? healthSettings(health, tls, drain, within('health'), clock),
    timeouts: { connect, try: each, headers, idle, total, tunnel, grace },
    tls,
    observers,
    log,
    clock
  }
}

function retrySettings (options: number | RetryOptions, replayBytes: number, path: string, clock: Clock): PoolSettings['retry'] {
  const { max = 2, statuses, methods, when, backoff = 25, maxBackoff = 250, retryAfter = 0, budget = {} } = typeof options === 'number' ? { max: options } : options
  if (when !== undefined) assertUnused({ statuses, methods }, path, 'when is a function that decides about it')
  return {
    rule: when ?? retryRule(methods ?? IDEMPOTENT, statuses ?? RETRYABLE_STATUS),
    max,
    backoff: { base: backoff, max: maxBackoff },
    retryAfter,
    replayBytes,
    budget: budget === false ? undefined : new RetryBudget(clock, { ...DEFAULT_BUDGET, ...budget })
  }
}

const FAULTS: readonly Fault[] = ['unsent', 'failed', 'broken', '500-599']

function breakerSettings (options: BreakerOptions, path: string): BreakerSettings {
  const { faults = FAULTS, breaker, ejection = 5000, maxEjection = 300_000, jitter = 0.2, maxEjected = 0.5, reconnect = 1000 } = options
  const isFault = faultRule(faults)
  if (breaker !== undefined) {
    const { consecutive, failureRate, minimumRequests, window } = options
    assertUnused({ consecutive, failureRate, minimumRequests, window }, path, 'breaker is a function that decides about it')
  }
  if (maxEjection < ejection) throw BadOptionError(`${path}.maxEjection: ${maxEjection}, must be >= ejection, which is ${ejection}`)
  return { breaker: breaker ?? makeBreaker(options, isFault), isFault, ejection: { base: ejection, max: maxEjection, jitter }, maxEjected, reconnect }
}

function makeBreaker ({ consecutive = 5, failureRate: rate = 0.5, minimumRequests = 20, window = 10_000 }: BreakerOptions, isFault: FaultRule): BreakerFactory {
  return eitherOf(
    ...(consecutive === 0 ? [] : [consecutiveFaults(consecutive, isFault)]),
    ...(rate === 0 ? [] : [failureRate({ share: rate, requests: minimumRequests, window }, isFault)])
  )
}

function targetLimits ({ target = 0, connections = 0, adaptive = false }: LimitOptions, path: string): TargetLimits {
  if (adaptive === false) return { target, connections, adaptive: undefined }
  const settings = adaptive === true ? {} : adaptive
  const { initial = 20, min = Math.min(20, initial), max = Math.max(200, initial) } = settings
  if (min > initial || initial > max) throw BadOptionError(`${path}.adaptive: min ${min}, initial ${initial}, max ${max}, must be in that order`)
  return { target, connections, adaptive: () => new Gradient2({ ...settings, initial, min, max }) }
}

function slowStartSettings (options: number | SlowStartOptions): SlowStartSettings {
  const { window = 10_000, minimum = 0.1, aggression = 1 } = typeof options === 'number' ? { window: options } : options
  return { window, minimum, aggression }
}

/** Browsers drop, without a word, a cookie that breaks one of these rules (RFC 6265bis §4.1.3 and §5.7). */
function assertKept ({ cookie, sameSite, secure = false, path = '/', domain }: AffinityOptions, at: string): void {
  if (sameSite === 'none' && !secure) throw BadOptionError(`${at}.sameSite: 'none', must have secure: true beside it, or browsers drop the cookie`)
  if (/^__(?:Secure|Host)-/i.test(cookie) && !secure) throw BadOptionError(`${at}.cookie: ${show(cookie)}, must have secure: true beside it, or browsers drop the cookie`)
  if (/^__Host-/i.test(cookie) && (path !== '/' || domain !== undefined)) {
    throw BadOptionError(`${at}.cookie: ${show(cookie)}, must have no domain and no path but / beside it, or browsers drop the cookie`)
  }
}

function makeAffinity ({ cookie, secret, ...attributes }: AffinityOptions): Affinity {
  return new Affinity({ cookie, secrets: typeof secret === 'string' ? [secret] : secret, attributes: cookieAttributes(attributes) })
}

/** Outlives the settings that it was first made for: it must not hold on to what those were made from. */
function policyMaker (option: PolicyOption, clock: Clock): () => Policy {
  return () => makePolicy(option, clock)
}

function makePolicy (option: PolicyOption, clock: Clock): Policy {
  if (typeof option === 'function') return ownPolicy(option)
  if (typeof option === 'string') return POLICIES[option](clock)
  return hash(POLICIES[option.fallback ?? 'random'](clock))
}

function policyName (option: PolicyOption): string {
  if (typeof option === 'function') return 'own'
  return typeof option === 'string' ? option : option.name
}

/** Nobody knows what a function goes by; the one that most people write goes by load. */
function followsLoad (option: PolicyOption): boolean {
  return typeof option === 'function' || option === 'least-requests' || option === 'p2c'
}

function healthSettings (options: HealthOptions, tls: Tls, drainHeader: string | undefined, path: string, clock: Clock): PoolSettings['health'] {
  const { interval = 5000, jitter = 0.1, timeout = 2000, rise = 2, fall = 3, initial = 'up', port, verdicts } = options
  if (verdicts !== undefined) {
    const { initial: _, verdicts: __, ...rest } = options
    assertUnused(rest, path, 'verdicts is a function that takes its place')
    return { initial, verdicts }
  }
  return { interval, jitter, timeout, rise, fall, initial, port, probe: makeProbe(options, tls, drainHeader, path, clock) }
}

function makeProbe (options: HealthOptions, tls: Tls, drainHeader: string | undefined, path: string, clock: Clock): Probe {
  const { timeout = 2000, type, probe, port, method = 'GET', headers = {}, status = '200-299', body } = options
  if (probe !== undefined) {
    assertUnused({ type, path: options.path, method: options.method, headers: options.headers, status: options.status, body }, path, 'probe is a function that decides about it')
    return probe
  }
  if (type === 'tcp') {
    assertUnused({ path: options.path, method: options.method, headers: options.headers, status: options.status, body }, path, 'a tcp probe has none')
    return tcpProbe(clock, { port, tls, timeout })
  }
  if (options.path === undefined) throw BadOptionError(`${path}.path: missing, must be given unless type is 'tcp' or there is a probe`)
  if (method === 'HEAD' && body !== undefined) throw BadOptionError(`${path}.body: the answer to HEAD has none, must be left out`)
  return httpProbe({ path: options.path, method, headers, status: statusRanges(status, `${path}.status`), body, drainHeader })
}

function assertUnused (options: Readonly<Record<string, unknown>>, path: string, reason: string): void {
  const useless = Object.keys(options).find(key => options[key] !== undefined)
  if (useless !== undefined) throw BadOptionError(`${path === '' ? '' : `${path}.`}${useless}: ${reason}, must be left out`)
}

function statusRanges (status: NonNullable<HealthOptions['status']>, path: string): Array<number | [number, number]> {
  const list = Array.isArray(status) ? status : [status]
  if (list.length === 0) throw BadOptionError(`${path}: [], must have at least one status`)
  return list.map(item => {
    if (Number.isInteger(item) && item >= 100 && item <= 599) return item
    const [, low, high] = /^([1-5]\d\d)-([1-5]\d\d)$/.exec(item) ?? []
    if (low === undefined || high === undefined || low > high) {
      throw BadOptionError(`${path}: ${show(item)}, must be a status from 100 to 599 or a range such as '200-299'`)
    }
    return [Number(low), Number(high)]
  })
}
