import type { Variant, Workload } from '../workload.js'

/** What the candidate observes with goes by `observing`; without it nothing does, and there is no log. */
export const by = (...observing: string[]): Variant['options'] => ({ observers: null, ...(observing.length === 0 ? undefined : { observing }) })

/** What observes but for lines. */
export const ALL = ['prometheus', 'status', 'opentelemetry', 'explain for nobody']

const BASE: Variant = { label: 'all off', options: by() }

/** Neighbours in time are compared. */
export const workload: Workload = {
  about: 'what observing costs: ours with each of it against ours with none, GET of 28 B',
  needs: 'variants',
  plan: { kind: 'http', method: 'GET', paths: ['/28'], connections: 64 },
  variants: [
    [
      BASE,
      { label: 'Prometheus, scraped each second', options: by('prometheus') },
      { label: 'status API with one watcher', options: by('status') },
      { label: 'OpenTelemetry without an SDK', options: by('opentelemetry') },
      { label: 'explain by a function, for nobody', options: by('explain for nobody') },
      { label: 'all of these', options: by(...ALL) }
    ],
    [
      BASE,
      { label: 'a logger of the app, and no line', options: by('logger') },
      { label: 'a bare line of the app for each request', options: by('bare line') },
      { label: 'our line for each request', options: by('log') },
      { label: 'our line for each request, buffered', options: by('log', 'buffered') },
      { label: 'everything: our line, and all of the above', options: by(...ALL, 'log') }
    ],
    [
      BASE,
      { label: 'diagnostics channels, each with a listener', options: by('diagnostics') },
      { label: 'explain of every request', options: by('explain') },
      { label: 'OpenTelemetry, 1 % of the traces recorded', options: by('opentelemetry', 'sdk 0.01') },
      { label: 'OpenTelemetry, all traces recorded', options: by('opentelemetry', 'sdk 1') }
    ]
  ]
}
