export { default, default as balancer, type Upstreams } from './plugin.js'
export { Pool, type PoolRequestOptions, type PoolSnapshot, type Transition } from './pool.js'
export type { PoolCounters } from './counters.js'
export type {
  BalancerOptions, DeadlineOptions, ExplainPermission, GatewayOptions, ReplyOptions, RouteHandler, RouteOptions, ShortOptions, TargetResponse
} from './options.js'
export type {
  AffinityOptions, BreakerOptions, HashPolicyOptions, HealthOptions, HedgeOptions, LimitOptions, PolicyName, PolicyOption, PoolOptions, RetryOptions, SlowStartOptions
} from './pool-options.js'
export type { MovedOptions, WebSocketClientOptions, WebSocketHooks } from './compat.js'
export {
  explainText, type AttemptExplanation, type CandidateExplanation, type Decision, type DecisionExplanation, type Explanation, type LeftOut,
  type NoHedgeExplanation, type PickExplanation, type StepExplanation, type TierExplanation
} from './explanation.js'
export type { SupposedRequest } from './supposed.js'
export type { RequestLog } from './request-log.js'
export type { KeyOption } from './key.js'
export type { Policy, Pick, PolicyExplanation } from './policy.js'
export { DrainAsked, type Probe } from './health/active.js'
export type { Tell, Verdicts, Watcher } from './health/watcher.js'
export type { Observer } from './observer.js'
export type { AttemptStart, ExchangeEnd, ReasonCode } from './events.js'
export { shutdown, isClosing, type ShutdownOptions } from './shutdown.js'
export { readiness, readinessHandler, type PoolReadiness, type Readiness, type ReadinessHandlerOptions, type ReadinessOptions } from './readiness.js'
export { forwardAuth, type ForwardAuthOptions } from './forward-auth.js'
export { identity, type GuardHook, type IdentityValue } from './identity.js'
export { routesOf, type RouteTraffic } from './traffic.js'
export { isFault, type AttemptRecord, type Health, type Outcome, type Why } from './outcome.js'
export type { Cause } from './standing.js'
export type { Target, TargetCounters, TargetSnapshot, Timeouts } from './target.js'
export type { TargetConfig } from './target-config.js'
export type { DiscoveredTarget, Discovery } from './discovery.js'
export type { DiscoveryState } from './discoverer.js'
export type { Refusal, Retry, Sent } from './retry.js'
export type { Breaker, BreakerFactory, Fault } from './health/passive.js'
export type { TlsOptions } from './tls.js'
export type { ExchangeOptions } from './exchange.js'
