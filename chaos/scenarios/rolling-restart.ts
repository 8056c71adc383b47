import { rowOf } from '../rows.js'
import { counted, type Row, type Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'

/** Milliseconds for which an upstream that announces its end goes on serving. */
const LINGER = 200

export const rollingRestart: Scenario = {
  name: 'rolling-restart',
  about: 'all 3 upstreams are asked to end and started again, one after the other',
  compared: true,
  run: async stage => [
    // As Node's server.close() does it: idle connections are ended at once, whatever is on its way to them.
    await restart(stage, 'rolling-restart', 0),
    ...stage.kind === 'fastify-balancer' ? [await restart(stage, 'rolling-restart, announced', LINGER)] : []
  ]
}

async function restart (stage: Stage, scenario: string, linger: number): Promise<Row> {
  const upstreams = await stage.upstreams({ linger })
  const gateway = await stage.gateway({ targets: upstreams.map(({ url }) => url) })
  const count = stage.short ? 300 : 1750
  const load = stage.load(gateway, { rate: stage.rate, count, posts: 0.2 })
  for (const [i, upstream] of upstreams.entries()) {
    await load.reaches(count * (0.2 + 0.2 * i))
    await upstream.retire()
    await upstream.start()
  }
  return await rowOf({
    scenario,
    gateway,
    answers: await load.answers,
    pledges: ({ failedIdempotent, failedPosts }) => [
      counted('0 failed idempotent', failedIdempotent, failedIdempotent === 0),
      // A POST that crosses the end of an idle connection may have been acted on, and can not be sent again.
      ...linger > 0 ? [counted('0 failed POST', failedPosts, failedPosts === 0)] : []
    ]
  })
}
