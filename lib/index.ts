export { default, default as balancer, type Upstreams } from './plugin.js'
export { Pool, type PoolRequestOptions } from './pool.js'
export type {
  BalancerOptions, GatewayOptions, HashPolicyOptions, HealthOptions, PolicyName, PolicyOption, PoolOptions, ReplyOptions, RouteHandler, RouteOptions,
  ShortOptions, TargetResponse
} from './options.js'
export type { MovedOptions, WebSocketClientOptions, WebSocketHooks } from './compat.js'
export type { KeyOption } from './key.js'
export type { Policy, Pick } from './policy.js'
export type { Probe } from './health/active.js'
export type { Observer } from './observer.js'
export { isFault, type AttemptRecord, type Health, type Outcome } from './outcome.js'
export type { Target, TargetConfig, TargetCounters, TargetSnapshot, Timeouts } from './target.js'
export type { TlsOptions } from './tls.js'
export type { ExchangeOptions } from './exchange.js'
