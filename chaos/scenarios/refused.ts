import { freePort } from '../free-port.js'
import { rowOf } from '../rows.js'
import { counted, type Scenario } from '../scenario.js'

export const refused: Scenario = {
  name: 'refused',
  about: 'one of 3 upstreams was never there: its port refuses connections',
  compared: true,
  run: async stage => {
    const upstreams = await stage.upstreams({}, ['a', 'b'])
    const gone = `http://127.0.0.1:${await freePort()}`
    const gateway = await stage.gateway({ targets: [gone, ...upstreams.map(({ url }) => url)] })
    const since = Date.now()
    const load = stage.load(gateway, { rate: stage.rate, count: stage.short ? 100 : 1000, posts: 0.2 })
    return [await rowOf({
      scenario: 'refused',
      gateway,
      answers: await load.answers,
      fault: { target: gone, since },
      pledges: ({ failedIdempotent, failedPosts }) => [counted('0 failed', failedIdempotent + failedPosts, failedIdempotent + failedPosts === 0)]
    })]
  }
}
