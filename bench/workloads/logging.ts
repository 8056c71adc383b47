import type { Workload } from '../workload.js'
import { ALL, by } from './observing.js'

/** For an app that logs its requests already, as Fastify does by default: two lines for each, which one of ours can take the place of. */
export const workload: Workload = {
  about: 'what observing costs an app that logs its requests as Fastify does by default, GET of 28 B',
  needs: 'variants',
  plan: { kind: 'http', method: 'GET', paths: ['/28'], connections: 64 },
  variants: [[
    { label: 'Fastify\'s own two lines, and nothing of ours', options: by('own lines') },
    { label: 'our line in their place', options: by('log') },
    { label: 'our line in their place, and all else that observes', options: by(...ALL, 'log') },
    { label: 'no line at all, and nothing of ours', options: by('logger') }
  ]]
}
