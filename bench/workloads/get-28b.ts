import type { Workload } from '../workload.js'

export const workload: Workload = {
  about: 'GET of 28 B of JSON',
  needs: 'http',
  plan: { kind: 'http', method: 'GET', paths: ['/28'], connections: 64 }
}
