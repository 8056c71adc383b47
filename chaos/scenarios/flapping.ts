import { setTimeout as sleep } from 'node:timers/promises'
import { rowOf } from '../rows.js'
import { counted, type Scenario } from '../scenario.js'

/** Milliseconds up, and milliseconds down. */
const SPELL = 500

export const flapping: Scenario = {
  name: 'flapping',
  about: 'one of 3 upstreams is up for half a second and down for half a second, over and over',
  compared: false,
  run: async stage => {
    const upstreams = await stage.upstreams()
    const gateway = await stage.gateway({ targets: upstreams.map(({ url }) => url) })
    const load = stage.load(gateway, { rate: stage.rate, count: stage.short ? 300 : 1750, posts: 0.2 })
    const [victim] = upstreams
    if (victim === undefined) throw new Error('nobody to flap')
    const over = load.answers.then(() => true)
    const since = Date.now()
    do {
      await sleep(SPELL)
      await victim.kill()
      await sleep(SPELL)
      await victim.start()
    } while (!await Promise.race([over, false]))
    return [await rowOf({
      scenario: 'flapping',
      gateway,
      answers: await load.answers,
      fault: { target: victim.url, since },
      pledges: ({ failedIdempotent }) => [counted('0 failed idempotent', failedIdempotent, failedIdempotent === 0)]
    })]
  }
}
