import { rowOf } from '../rows.js'
import { counted, type Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'

/** Requests that may begin between the question how many are in flight and the kill. */
const MARGIN = 2

export const killNine: Scenario = {
  name: 'kill-9',
  about: 'one of 3 upstreams dies without a warning, and comes back',
  compared: true,
  run: async (stage: Stage) => {
    const upstreams = await stage.upstreams({ takes: [10, 30] })
    const gateway = await stage.gateway({ targets: upstreams.map(({ url }) => url) })
    const count = stage.short ? 300 : 1750
    const load = stage.load(gateway, { rate: stage.rate, count, posts: 0.2 })
    const [victim] = upstreams
    if (victim === undefined) throw new Error('nobody to kill')

    await load.reaches(count * 0.3)
    const [upstream, report] = await Promise.all([victim.counts(), gateway.report()])
    // What is on its way counts too, to the upstream or back.
    const inFlight = Math.max(upstream.inFlight, report?.inFlight[victim.url] ?? 0)
    const since = Date.now()
    await victim.kill()
    await load.reaches(count * 0.6)
    await victim.start()
    const until = Date.now()

    return [await rowOf({
      scenario: 'kill-9',
      gateway,
      answers: await load.answers,
      fault: { target: victim.url, since, until },
      pledges: ({ failedIdempotent, failedPosts }) => [
        counted('0 failed idempotent', failedIdempotent, failedIdempotent === 0),
        counted(`failed POST at most those in flight there (${inFlight}, + ${MARGIN})`, failedPosts, failedPosts <= inFlight + MARGIN)
      ]
    })]
  }
}
