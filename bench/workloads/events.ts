import type { Workload } from '../workload.js'

export const workload: Workload = {
  about: 'server-sent events, 100 a second to each of 100 clients',
  needs: 'events',
  unit: 'event',
  plan: { kind: 'events', path: '/events', connections: 100 }
}
