import type { Workload } from '../workload.js'

export const workload: Workload = {
  about: 'GET of 64 KiB',
  needs: 'http',
  plan: { kind: 'http', method: 'GET', paths: ['/64k'], connections: 64 }
}
