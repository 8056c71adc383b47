import { total } from '../report.js'
import { rowOf } from '../rows.js'
import { timed, type Row, type Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'

const EJECTED_WITHIN = 1000

export const fastFail: Scenario = {
  name: 'fast-fail',
  about: 'one of 3 upstreams answers 500 at once, which makes it look the least busy',
  compared: false,
  run: async stage => [await fail(stage, 'least-requests'), await fail(stage, 'p2c')]
}

async function fail (stage: Stage, policy: 'least-requests' | 'p2c'): Promise<Row> {
  const failing = await stage.upstream({ name: 'failing', status: 500, takes: [1, 1] })
  const upstreams = await stage.upstreams({ takes: [50, 50] }, ['a', 'b'])
  const gateway = await stage.gateway({ targets: [failing, ...upstreams].map(({ url }) => url), pool: { policy } })
  const since = Date.now()
  const load = stage.load(gateway, { rate: stage.rate, count: stage.short ? 200 : 1500 })
  return await rowOf({
    scenario: `fast-fail, ${policy}`,
    gateway,
    answers: await load.answers,
    fault: { target: failing.url, since },
    pledges: (_, report) => {
      const attempts = Object.values(report?.attempts ?? {}).reduce((sum, counts) => sum + total(counts), 0)
      const share = total(report?.attempts[failing.url]) / attempts
      const ejected = report?.changes.find(({ target, to }) => target === failing.url && to === 'down')
      return [
        { text: 'less than a third of the attempts', kept: share < 1 / 3, found: `${Math.round(share * 100)} %`, about: 'counts' },
        timed(`ejected within ${EJECTED_WITHIN} ms`, ejected && ejected.at - since, EJECTED_WITHIN)
      ]
    }
  })
}
