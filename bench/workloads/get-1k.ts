import type { Workload } from '../workload.js'

export const workload: Workload = {
  about: 'GET of 1 KiB',
  needs: 'http',
  plan: { kind: 'http', method: 'GET', paths: ['/1k'], connections: 64 }
}
