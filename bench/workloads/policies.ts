import type { Workload } from '../workload.js'

const TARGETS = 10

const POLICIES: Readonly<Record<string, unknown>> = {
  'round-robin': 'round-robin',
  'least-requests': 'least-requests',
  p2c: 'p2c',
  random: 'random',
  hash: { name: 'hash', key: { query: 'user' } },
  first: 'first',
  'a function': 'function'
}

export const workload: Workload = {
  about: `ours by policy, ${TARGETS} targets, GET of 28 B`,
  needs: 'variants',
  plan: { kind: 'http', method: 'GET', paths: Array.from({ length: 100 }, (_, i) => `/28?user=${i}`), connections: 64 },
  variants: [Object.entries(POLICIES).map(([label, policy]) => ({ label, options: { policy }, targets: TARGETS }))]
}
