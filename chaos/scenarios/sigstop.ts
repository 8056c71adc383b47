import { found } from '../found.js'
import { isNow, type PoolConfig } from '../gateway.js'
import { rowOf } from '../rows.js'
import { counted, timed, type Row, type Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'

/** Milliseconds that the upstream stands still, and that the gateway waits for response headers. */
const STILL = 2500
const HEADERS = 1000
const HEDGED_AFTER = 100

/** How long a target may take to come back into the rotation, ms. The times of ejections double. */
const RETURN = 15_000

export const sigstop: Scenario = {
  name: 'sigstop',
  about: 'one of 3 upstreams stands still for 2.5 s: it takes connections and answers nothing',
  compared: true,
  run: async stage => {
    const plain = await still(stage, 'sigstop', { timeouts: { headers: HEADERS } }, { posts: 0.2, keyed: true }, HEADERS + 100)
    if (stage.kind !== 'fastify-balancer') return [plain]
    return [plain, await still(stage, 'sigstop, hedged', { timeouts: { headers: HEADERS }, hedge: { delay: HEDGED_AFTER } }, {}, 500)]
  }
}

async function still (
  stage: Stage, scenario: string, pool: PoolConfig, mix: { readonly posts?: number, readonly keyed?: boolean }, most: number
): Promise<Row> {
  const upstreams = await stage.upstreams()
  const gateway = await stage.gateway({ targets: upstreams.map(({ url }) => url), pool })
  const count = stage.short ? 400 : 1750
  const load = stage.load(gateway, { rate: stage.rate, count, ...mix })
  const [victim] = upstreams
  if (victim === undefined) throw new Error('nobody to stop')

  await load.reaches(count * 0.2)
  const since = Date.now()
  await victim.pause(STILL)
  const until = Date.now()
  const answers = await load.answers
  if (gateway.kind === 'fastify-balancer' && !stage.short) {
    // Only a request brings it back.
    const trickle = stage.load(gateway, { rate: 20, count: 20 * RETURN / 1000 })
    await found(async () => isNow('up', victim.url, await gateway.report()) || undefined, RETURN)
    trickle.stop()
    await trickle.answers
  }
  return await rowOf({
    scenario,
    gateway,
    answers,
    keyed: true,
    fault: { target: victim.url, since, until },
    pledges: ({ failedIdempotent, p99 }) => [
      counted('0 failed', failedIdempotent, failedIdempotent === 0),
      timed(`p99 at most ${most} ms`, p99, most)
    ]
  })
}
