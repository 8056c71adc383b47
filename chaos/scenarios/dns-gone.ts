import { rowOf } from '../rows.js'
import { counted, type Scenario } from '../scenario.js'

/** No such name will ever be given out (RFC 6761). */
const GONE = 'http://gone.invalid:1'

export const dnsGone: Scenario = {
  name: 'dns-gone',
  about: 'one of 3 upstreams has a name that means nothing',
  compared: false,
  run: async stage => {
    const upstreams = await stage.upstreams({}, ['a', 'b'])
    const gateway = await stage.gateway({ targets: [GONE, ...upstreams.map(({ url }) => url)] })
    const since = Date.now()
    const load = stage.load(gateway, { rate: stage.rate, count: stage.short ? 100 : 1000, posts: 0.2 })
    return [await rowOf({
      scenario: 'dns-gone',
      gateway,
      answers: await load.answers,
      fault: { target: GONE, since },
      pledges: ({ failedIdempotent, failedPosts }) => [counted('0 failed', failedIdempotent + failedPosts, failedIdempotent + failedPosts === 0)]
    })]
  }
}
