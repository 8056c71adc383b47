import type { Workload } from '../workload.js'

export const workload: Workload = {
  about: 'WebSocket, echo of 64 B',
  needs: 'websocket',
  unit: 'message',
  plan: { kind: 'websocket', path: '/socket', bytes: 64, connections: 64 },
  setup: { websocket: true },
  reference: 'fastify-http-proxy'
}
