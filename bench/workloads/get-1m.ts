import type { Workload } from '../workload.js'

export const workload: Workload = {
  about: 'GET of 1 MiB',
  needs: 'http',
  plan: { kind: 'http', method: 'GET', paths: ['/1m'], connections: 16 }
}
