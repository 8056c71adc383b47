import type { Answer } from '../client.js'
import { succeeded } from '../client.js'
import { rowOf } from '../rows.js'
import { timed, type Row, type Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'
import { percentile } from '../tally.js'

/** Each upstream serves so many at a time, and each of them in so many milliseconds. */
const SLOTS = 10
const SERVICE = 100
const UPSTREAMS = ['a', 'b']
const CAPACITY = UPSTREAMS.length * SLOTS * 1000 / SERVICE

const QUEUE = 25
const QUEUE_TIMEOUT = 200
const REFUSED_WITHIN = 20

/** Share of the peak that overload must leave. */
const LEFT = 0.9

export const overload: Scenario = {
  name: 'overload',
  about: 'twice as many requests as the upstreams can serve',
  compared: false,
  run: async stage => {
    const seconds = stage.short ? 2 : 6
    const peak = await drive(stage, CAPACITY, seconds)
    const double = await drive(stage, 2 * CAPACITY, seconds)
    return [await peak.row('overload, 1 ×', undefined), await double.row('overload, 2 ×', peak.goodput)]
  }
}

async function drive (stage: Stage, rate: number, seconds: number): Promise<{ goodput: number, row: (scenario: string, peak: number | undefined) => Promise<Row> }> {
  const upstreams = await stage.upstreams({ takes: [SERVICE, SERVICE], capacity: SLOTS }, UPSTREAMS)
  const gateway = await stage.gateway({
    targets: upstreams.map(({ url }) => url),
    pool: { limits: { target: SLOTS, queue: QUEUE, queueTimeout: QUEUE_TIMEOUT } }
  })
  const began = performance.now()
  const answers = await stage.load(gateway, { rate, count: rate * seconds }).answers
  const goodput = answers.filter(succeeded).length * 1000 / (performance.now() - began)
  return { goodput, row: async (scenario, peak) => await rowOf({ scenario, gateway, answers, pledges: () => peak === undefined ? [] : pledges(answers, goodput, peak) }) }
}

function pledges (answers: readonly Answer[], goodput: number, peak: number) {
  const accepted = answers.filter(succeeded).map(({ ms }) => ms)
  const refused = answers.filter(({ code }) => code === 'FST_BALANCER_QUEUE_FULL').map(({ ms }) => ms)
  const slowest = QUEUE_TIMEOUT + 2 * SERVICE
  return [
    {
      text: `goodput at least ${Math.round(peak * LEFT)}/s, 90 % of the peak`, kept: goodput >= peak * LEFT, found: `${Math.round(goodput)}/s`, about: 'times'
    },
    timed(`p99 of ${refused.length} refusals by a full queue at most ${REFUSED_WITHIN} ms`, percentile(refused, 0.99), REFUSED_WITHIN),
    timed(`p99 of ${accepted.length} accepted at most ${slowest} ms`, percentile(accepted, 0.99), slowest)
  ] as const
}
