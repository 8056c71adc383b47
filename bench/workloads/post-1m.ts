import type { Workload } from '../workload.js'

export const workload: Workload = {
  about: 'POST of 1 MiB',
  needs: 'http',
  plan: { kind: 'http', method: 'POST', paths: ['/upload'], body: 1_048_576, connections: 16 }
}
