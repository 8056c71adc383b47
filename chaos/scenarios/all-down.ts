import { setTimeout as sleep } from 'node:timers/promises'
import { Client, succeeded } from '../client.js'
import { found } from '../found.js'
import { rowOf } from '../rows.js'
import type { Scenario } from '../scenario.js'

/** How long the gateway may take to know that everybody is gone, ms. Some rules never let it think so. */
const PATIENCE = 3000

export const allDown: Scenario = {
  name: 'all-down',
  about: 'all 3 upstreams die; as soon as one is back, the next request succeeds',
  compared: false,
  run: async stage => {
    const upstreams = await stage.upstreams()
    const gateway = await stage.gateway({ targets: upstreams.map(({ url }) => url) })
    const load = stage.load(gateway, { rate: 100, count: 100 * 3600, posts: 0.2 })
    await load.reaches(50)
    const since = Date.now()
    await Promise.all(upstreams.map(async upstream => { await upstream.kill() }))
    await found(async () => {
      const health = Object.values((await gateway.report())?.health ?? {})
      return health.every(state => state !== 'up') || undefined
    }, PATIENCE)
    await sleep(stage.short ? 200 : 2000)
    load.stop()
    const answers = await load.answers

    const [first] = upstreams
    if (first === undefined) throw new Error('nobody to come back')
    await first.start()
    const until = Date.now()
    const client = new Client(gateway.url)
    const next = await client.request({ number: answers.length, method: 'GET', keyed: false, due: performance.now() })
    await client.end()
    const back = await found(async () => (await gateway.report())?.health[first.url] === 'up' || undefined, PATIENCE)
    return [await rowOf({
      scenario: 'all-down',
      gateway,
      answers: [...answers, next],
      fault: { target: first.url, since, ...back === true && { until } },
      pledges: () => [{ text: 'the next request succeeds', kept: succeeded(next), found: next.error ?? String(next.status), about: 'counts' }]
    })]
  }
}
