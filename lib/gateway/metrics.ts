import { BadOptionError } from '../errors.js'
import { Metrics } from '../prometheus/metrics.js'
import type { Upstreams } from '../plugin.js'

/** @throws BadOptionError without prom-client */
export async function makeMetrics (upstreams: () => Upstreams): Promise<Metrics> {
  try {
    return await Metrics.make({}, upstreams)
  } catch {
    throw BadOptionError('admin.metrics: true, must be false without the package prom-client: npm install prom-client')
  }
}
