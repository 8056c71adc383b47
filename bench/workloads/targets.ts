import type { Workload } from '../workload.js'

export const workload: Workload = {
  about: 'ours with many targets against ours with one, GET of 28 B',
  needs: 'variants',
  plan: { kind: 'http', method: 'GET', paths: ['/28'], connections: 64 },
  variants: [[1, 10, 100, 1000].map(targets => ({ label: targets === 1 ? '1 target' : `${targets} targets`, options: {}, targets }))]
}
