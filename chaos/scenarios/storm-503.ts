import { total } from '../report.js'
import { rowOf } from '../rows.js'
import { counted, type Row, type Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'

/** What the retry budget allows: a share of requests, so many a second, and the reserve of its window. */
const SHARE = 1.2
const FLOOR = 10
const RESERVE = 100

export const storm: Scenario = {
  name: 'storm-503',
  about: 'every upstream answers 503: retries must not make it worse',
  compared: true,
  run: async stage => [await blow(stage, 'storm-503', {}), await blow(stage, 'storm-503, Retry-After', { retryAfter: 1 })]
}

async function blow (stage: Stage, scenario: string, answer: { readonly retryAfter?: number }): Promise<Row> {
  const upstreams = await stage.upstreams({ status: 503, ...answer })
  const gateway = await stage.gateway({ targets: upstreams.map(({ url }) => url) })
  const seconds = stage.short ? 3 : 10
  const began = Date.now()
  const load = stage.load(gateway, { rate: stage.rate, count: stage.rate * seconds })
  const answers = await load.answers
  // A machine that can not keep up takes longer, and the floor goes by time.
  const most = Math.floor(SHARE * answers.length + FLOOR * Math.max(seconds, (Date.now() - began) / 1000) + RESERVE)
  const seen = (await Promise.all(upstreams.map(async upstream => await upstream.counts()))).reduce((sum, { seen }) => sum + seen, 0)
  const row = await rowOf({
    scenario,
    gateway,
    answers,
    pledges: (_, report) => {
      const attempts = Object.values(report?.attempts ?? {}).reduce((sum, counts) => sum + total(counts), 0)
      return [counted(`at most ${most} attempts for ${answers.length} requests`, attempts, attempts <= most)]
    }
  })
  // What reached the upstreams says the same of those that tell nothing of themselves.
  return { ...row, retried: row.retried ?? Math.max(0, seen - answers.length) }
}
