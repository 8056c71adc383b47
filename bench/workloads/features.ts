import type { Variant, Workload } from '../workload.js'

const BASE: Variant = { label: 'defaults', options: {} }

/** Neighbours in time are compared: so many variants share a round with the defaults. */
const GROUP = 4

const SECRET = 'at least sixteen characters'

/** null takes away what the candidate adds. */
const FEATURES: readonly Variant[] = [
  { label: 'health checks off', options: { health: null } },
  { label: 'observer off', options: { observers: null } },
  { label: 'breaker off', options: { breaker: false } },
  { label: 'retries off', options: { retries: 0 } },
  { label: 'retry budget off', options: { retries: { budget: false } } },
  { label: 'limits.inFlight off', options: { limits: { inFlight: 0 } } },
  { label: 'limits and queue off', options: { limits: { inFlight: 0, queue: 0, queueTimeout: 0 } } },
  { label: 'limits.target on', options: { limits: { target: 1000 } } },
  { label: 'limits.connections on', options: { limits: { connections: 128 } } },
  { label: 'limits.adaptive on', options: { limits: { adaptive: { initial: 200, min: 200, max: 400 } } } },
  { label: 'affinity on', options: { affinity: { cookie: 'route', secret: SECRET } } },
  { label: 'hedge by delay on', options: { hedge: { delay: 1000 } } },
  { label: 'hedge by percentile on', options: { hedge: { percentile: 0.99 } } },
  { label: 'slow start on', options: { slowStart: 10_000 } },
  { label: 'drain header off', options: { drainHeader: false } },
  { label: 'timeouts.connect off', options: { timeouts: { connect: 0 } } },
  { label: 'timeouts.headers off', options: { timeouts: { headers: 0 } } },
  { label: 'timeouts.idle off', options: { timeouts: { idle: 0 } } },
  { label: 'timeouts.try on', options: { timeouts: { try: 10_000 } } },
  { label: 'timeouts.total on', options: { timeouts: { total: 10_000 } } },
  { label: 'all timeouts off', options: { timeouts: { connect: 0, headers: 0, idle: 0 } } },
  { label: 'Via off', options: { via: false } },
  { label: 'Forwarded on', options: { forwarded: true } },
  { label: 'underscores dropped', options: { underscores: 'drop' } },
  { label: 'strict paths on', options: { strictPaths: true } },
  { label: 'rewriting of Location off', options: { internalRewriteLocationHeader: false } },
  { label: 'rewriting of cookie paths on', options: { internalRewriteCookiePath: true } },
  { label: 'zone on', options: { zone: 'here' } },
  { label: 'Host preserved', options: { preserveHost: true } },
  { label: 'importance on', options: { importance: 1 } },
  { label: 'deadline header on', options: { deadline: { header: 'x-request-timeout', send: true } } },
  { label: 'WebSocket on', options: { websocket: true } },
  {
    label: 'all that can be is off',
    options: {
      health: null,
      observers: null,
      breaker: false,
      retries: 0,
      limits: { inFlight: 0, queue: 0, queueTimeout: 0 },
      drainHeader: false,
      timeouts: { connect: 0, headers: 0, idle: 0 },
      via: false,
      internalRewriteLocationHeader: false
    }
  }
]

export const workload: Workload = {
  about: 'ours with one option changed against ours as it is, GET of 28 B',
  needs: 'variants',
  plan: { kind: 'http', method: 'GET', paths: ['/28'], connections: 64 },
  variants: Array.from({ length: Math.ceil(FEATURES.length / GROUP) }, (_, i) => [BASE, ...FEATURES.slice(i * GROUP, (i + 1) * GROUP)])
}
