import type { CookieOptions } from './affinity.js'
import type { BudgetSettings } from './budget.js'
import type { Discovery } from './discovery.js'
import type { Probe } from './health/active.js'
import type { BreakerFactory, Fault } from './health/passive.js'
import type { Verdicts } from './health/watcher.js'
import type { KeyOption } from './key.js'
import type { AdaptiveSettings } from './limits/gradient2.js'
import type { Observer } from './observer.js'
import { first } from './policies/first.js'
import { leastRequests } from './policies/least-requests.js'
import { p2c } from './policies/p2c.js'
import { random } from './policies/random.js'
import { roundRobin } from './policies/round-robin.js'
import type { Policy, PolicyFactory } from './policy.js'
import type { Retry } from './retry.js'
import type { TargetConfig } from './target-config.js'
import type { Timeouts } from './target.js'
import type { TlsOptions } from './tls.js'

/** Policies that need no options of their own. A new policy is one file and one line here. */
export const POLICIES = {
  'round-robin': roundRobin,
  random,
  'least-requests': leastRequests,
  p2c,
  first
} as const satisfies Record<string, PolicyFactory>

export type PolicyName = keyof typeof POLICIES

/** `hash` needs to know what to hash. */
export interface HashPolicyOptions {
  readonly name: 'hash'
  /** What makes requests go to the same target. */
  readonly key: KeyOption
  /** Picks when a request has no such key. Default: `random`. */
  readonly fallback?: PolicyName
}

export type PolicyOption = PolicyName | HashPolicyOptions | Policy

/** Active health checks. Times are in milliseconds. */
export interface HealthOptions {
  /** `http` asks for `path`; `tcp` connects, and for `https:` targets completes the handshake. Default: `http`. */
  readonly type?: 'http' | 'tcp'
  /** Path below the target's base path. Required for `http`. */
  readonly path?: string
  /** Default: `GET`. */
  readonly method?: string
  /** Sent with every probe. Default: none but a `user-agent`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Statuses that are well: 200, '200-299' or a list of both. Default: `'200-299'`. */
  readonly status?: number | string | ReadonlyArray<number | string>
  /** What the first 64 KiB of the body must contain (a text) or match. Default: nothing is asked of it. */
  readonly body?: string | RegExp
  /** Port to probe. Default: the target's own. */
  readonly port?: number
  /** From the end of a probe to the start of the next. Default: 5000. */
  readonly interval?: number
  /** Share of the interval by which it varies either way, 0 to 1. Default: 0.1. */
  readonly jitter?: number
  /** Default: 2000. */
  readonly timeout?: number
  /** Successes in a row that bring a target up. Default: 2. */
  readonly rise?: number
  /** Failures in a row that bring a target down. Default: 3. */
  readonly fall?: number
  /** What the configured targets are until probed. Targets added later are down until their first success. Default: `up`. */
  readonly initial?: 'up' | 'down'
  /** Replaces both types: resolves when the target is well and rejects with the reason when it is not. */
  readonly probe?: Probe
  /** Somebody else finds out, and tells: takes the place of all options but `initial`. */
  readonly verdicts?: Verdicts
}

/** Retries. Times in milliseconds. */
export interface RetryOptions {
  /** Further attempts on other targets after the first, when that is safe; 0 means none. Default: 2. */
  readonly max?: number
  /** Answers with which another target is asked. Default: 502, 503, 504. */
  readonly statuses?: readonly number[]
  /** Methods whose repeat does no harm. Default: the idempotent ones. */
  readonly methods?: readonly string[]
  /** Takes the place of `statuses` and `methods`. */
  readonly when?: Retry
  /** Longest wait before the first further attempt of a request that has been sent; doubles with each, and is drawn from 0 on. Default: 25. */
  readonly backoff?: number
  /** Longest wait of all. Default: 250. */
  readonly maxBackoff?: number
  /** Longest `Retry-After` that is waited for, to ask the same target again when there is no other. Default: 0, none. */
  readonly retryAfter?: number
  /** Limits retries and hedges of what has been sent: a share of the requests, and a number per second on top. Default: 0.2, 10, 10000 ms. */
  readonly budget?: false | Partial<BudgetSettings>
}

/** When a request that is still unanswered is sent to a second target as well. Needs one of the two. */
export type HedgeOptions =
  /** Milliseconds after the first attempt. */
  | { readonly delay: number }
  /** Share of recent answers that were faster, 0 to 1: 0.95 hedges the slowest twentieth. */
  | { readonly percentile: number }

/** Passive health: what takes a target out of rotation, and for how long. Times in milliseconds. */
export interface BreakerOptions {
  /** Faults in a row that eject a target; 0 does not count them. Default: 5. */
  readonly consecutive?: number
  /** Share of the requests in the window that must be faults; 0 does not look at it. Default: 0.5. */
  readonly failureRate?: number
  /** Requests that the window must hold for that. Default: 20. */
  readonly minimumRequests?: number
  /** Default: 10000. */
  readonly window?: number
  /** What is a fault: outcomes, statuses and ranges of them. Default: `['unsent', 'failed', 'broken', '500-599']`. */
  readonly faults?: readonly Fault[]
  /** Judges in place of all of the above. */
  readonly breaker?: BreakerFactory
  /** First ejection; doubles with each in a row. Default: 5000. */
  readonly ejection?: number
  /** Longest ejection. Default: 300000. */
  readonly maxEjection?: number
  /** Share by which ejections vary either way. Default: 0.2. */
  readonly jitter?: number
  /** Share of the targets that may be ejected at once, not counting those that can not be connected to. Default: 0.5. */
  readonly maxEjected?: number
  /** Between two tries to connect to an ejected target that could not be connected to; 0 does not try. Default: 1000. */
  readonly reconnect?: number
}

export const DEFAULT_BUDGET: BudgetSettings = { share: 0.2, floor: 10, window: 10_000 }

/** Limits that a pool has without being given any. */
export const DEFAULT_LIMITS = { inFlight: 1024, queue: 256 } as const

/** How much may be under way at once; 0 is no limit. */
export interface LimitOptions {
  /** Requests in flight in the pool, streams not counted. Default: 1024. */
  readonly inFlight?: number
  /** Requests in flight per target, streams not counted. Default: 0. */
  readonly target?: number
  /** Connections per target, each of which carries one request or stream. Default: 0. */
  readonly connections?: number
  /** Server-sent events and WebSockets open in the pool. Default: 0. */
  readonly streams?: number
  /** Requests that wait for room; 0 turns them away. Default: 256. */
  readonly queue?: number
  /** Milliseconds that one waits; 0 is no limit. Default: 1000. */
  readonly queueTimeout?: number
  /** Who goes on first, among equals: who has waited longest, or shortest. Default: `oldest`. */
  readonly queueOrder?: 'oldest' | 'newest'
  /** A limit per target that follows its latency. Default: false. */
  readonly adaptive?: boolean | Partial<AdaptiveSettings>
}

/** Sticky sessions by a cookie. */
export interface AffinityOptions extends CookieOptions {
  /** Name of the cookie. */
  readonly cookie: string
  /** What cookies are signed with, 16 characters or more; of several the first signs and all are accepted. */
  readonly secret: string | readonly string[]
}

/** How a target that is new, or back, gets its share. */
export interface SlowStartOptions {
  /** Milliseconds until it has all of it. Default: 10000. */
  readonly window?: number
  /** What it begins with, above 0 to 1. Default: 0.1. */
  readonly minimum?: number
  /** 1 is a straight line, more is faster at first. Default: 1. */
  readonly aggression?: number
}

export interface PoolOptions {
  /**
   * URLs, or URLs with weights, priorities and zones. A base path is allowed, credentials are not. With `discovery` they may be left
   * out, and are there until its first list comes.
   */
  readonly targets?: ReadonlyArray<string | TargetConfig>
  /** Says which targets there are. Default: those that are listed. */
  readonly discovery?: Discovery
  /** Milliseconds that the start of the app waits for the first list of `discovery`; 0 does not wait. Default: 5000. */
  readonly discoveryTimeout?: number
  /** Default: `round-robin`. */
  readonly policy?: PolicyOption
  /** Further attempts on other targets after the first, when that is safe; 0 means none. Or more about them. Default: 2. */
  readonly retries?: number | RetryOptions
  /** Default: none. */
  readonly hedge?: HedgeOptions
  /** Bytes of a streamed request body that are kept for a further attempt. Default: 65536. */
  readonly replayBytes?: number
  /** Share of targets that must be up, 0 to 1; below it health is ignored. 0: only when none is up. Default: 0.5, and 0 for `first`. */
  readonly panic?: number
  /** Default: no health checks. */
  readonly health?: HealthOptions
  /** Passive health. Default: on; false switches it off. */
  readonly breaker?: false | BreakerOptions
  readonly limits?: LimitOptions
  /** Where the gateway is: targets in the same zone are preferred. Default: nowhere in particular. */
  readonly zone?: string
  /** What part of the traffic a tier or zone keeps: the share of its targets that are up, times this, 1 or more. Default: 1.4. */
  readonly overprovisioning?: number
  /** Default: off. A number is the window in milliseconds. */
  readonly slowStart?: number | SlowStartOptions
  readonly affinity?: AffinityOptions
  /** Field of an answer, or of a failing probe's, by which a target asks to be drained, for so many seconds; false heeds none. Default: `x-upstream-drain`. */
  readonly drainHeader?: string | false
  /** Milliseconds; 0 switches one off. Defaults: connect 2000, try 0, headers 30000, idle 60000, total 0, tunnel 3600000, grace 10000. */
  readonly timeouts?: Partial<Timeouts>
  readonly tls?: TlsOptions
  /** Told of every attempt and every change of health. */
  readonly observers?: readonly Observer[]
}
