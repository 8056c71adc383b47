import type { Health, PoolOptions } from '../lib/index.js'
import type { GatewayReport } from './report.js'

export type GatewayKind = 'fastify-balancer' | 'nginx' | 'haproxy' | 'caddy'

/** Options of a pool that survive being written as JSON. */
export type PoolConfig = Omit<PoolOptions, 'targets' | 'observers' | 'tls'>

export interface GatewayConfig {
  readonly targets: readonly string[]
  /** Other gateways get what they have an option for: the timeouts. */
  readonly pool?: PoolConfig
}

/** Anything that stands between the client and the upstreams. */
export interface Gateway {
  readonly kind: GatewayKind
  readonly url: string
  /** undefined when it tells nothing of itself. */
  readonly report: () => Promise<GatewayReport | undefined>
  readonly end: () => Promise<void>
}

/** Whether `report` has the target in that state. */
export function isNow (health: Health, target: string, report: GatewayReport | undefined): boolean {
  return report?.health[target] === health
}
