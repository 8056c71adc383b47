import type { Workload } from '../workload.js'

export const workload: Workload = {
  about: 'GET of 28 B from an upstream with TLS, verified',
  needs: 'tls',
  plan: { kind: 'http', method: 'GET', paths: ['/28'], connections: 64 },
  tls: true
}
