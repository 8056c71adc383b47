import { rowOf } from '../rows.js'
import { counted, type Scenario } from '../scenario.js'

export const rollingRestart: Scenario = {
  name: 'rolling-restart',
  about: 'all 3 upstreams are asked to end and started again, one after the other',
  compared: true,
  run: async stage => {
    const upstreams = await stage.upstreams()
    const gateway = await stage.gateway({ targets: upstreams.map(({ url }) => url) })
    const count = stage.short ? 300 : 1750
    const load = stage.load(gateway, { rate: stage.rate, count, posts: 0.2 })
    for (const [i, upstream] of upstreams.entries()) {
      await load.reaches(count * (0.2 + 0.2 * i))
      await upstream.retire()
      await upstream.start()
    }
    return [await rowOf({
      scenario: 'rolling-restart',
      gateway,
      answers: await load.answers,
      pledges: ({ failedIdempotent, failedPosts }) => [
        counted('0 failed idempotent', failedIdempotent, failedIdempotent === 0),
        // One that crosses the end of an idle connection may have been acted on. How many do depends on how late the machine is.
        { text: '0 failed POST', kept: failedPosts === 0, found: String(failedPosts), about: 'times' }
      ]
    })]
  }
}
