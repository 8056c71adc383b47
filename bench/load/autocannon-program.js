/** Load by autocannon in a process of its own: `autocannon-program.js <URL> <plan as JSON>`. */
import autocannon from 'autocannon'
import { serve } from './serve.js'

/** It looks at the time, and ends, once in so many ms. */
const TICK = 100

const [url, plan] = process.argv.slice(2)
const { method, paths, body, connections } = JSON.parse(plan)

serve(async seconds => {
  const { requests, latency, duration, errors, timeouts, non2xx } = await autocannon({
    url,
    connections,
    duration: seconds,
    sampleInt: TICK,
    requests: paths.map(path => ({
      method, path, ...body !== undefined && { body: Buffer.alloc(body, 'x'), headers: { 'content-type': 'application/octet-stream' } }
    }))
  })
  const found = [[errors - timeouts, 'socket errors'], [timeouts, 'timeouts'], [non2xx, 'answers were not 2xx']]
  return {
    count: requests.total,
    perSecond: requests.total / duration,
    p50: latency.p50,
    p99: latency.p99,
    errors: [...requests.total === 0 ? ['nothing was answered'] : [], ...found.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)]
  }
})
