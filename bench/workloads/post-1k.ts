import type { Workload } from '../workload.js'

export const workload: Workload = {
  about: 'POST of 1 KiB',
  needs: 'http',
  plan: { kind: 'http', method: 'POST', paths: ['/upload'], body: 1024, connections: 64 }
}
