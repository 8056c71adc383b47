export { default, default as balancer, type Upstreams } from './plugin.js'
export { Pool, type PoolRequestOptions } from './pool.js'
export type {
  BalancerOptions, DeadlineOptions, GatewayOptions, ReplyOptions, RouteHandler, RouteOptions, ShortOptions, TargetResponse
} from './options.js'
export type {
  AffinityOptions, BreakerOptions, HashPolicyOptions, HealthOptions, HedgeOptions, LimitOptions, PolicyName, PolicyOption, PoolOptions, RetryOptions, SlowStartOptions
} from './pool-options.js'
export type { MovedOptions, WebSocketClientOptions, WebSocketHooks } from './compat.js'
export type { KeyOption } from './key.js'
export type { Policy, Pick } from './policy.js'
export type { Probe } from './health/active.js'
export type { Observer } from './observer.js'
export { shutdown, isClosing, type ShutdownOptions } from './shutdown.js'
export { readiness, readinessHandler, type PoolReadiness, type Readiness, type ReadinessHandlerOptions, type ReadinessOptions } from './readiness.js'
export { forwardAuth, type ForwardAuthOptions } from './forward-auth.js'
export { identity, type GuardHook, type IdentityValue } from './identity.js'
export { isFault, type AttemptRecord, type Health, type Outcome } from './outcome.js'
export type { Target, TargetCounters, TargetSnapshot, Timeouts } from './target.js'
export type { TargetConfig } from './target-config.js'
export type { Retry, Sent } from './retry.js'
export type { Breaker, BreakerFactory, Fault } from './health/passive.js'
export type { TlsOptions } from './tls.js'
export type { ExchangeOptions } from './exchange.js'
