import t from 'tap'
import { judge } from '../../chaos/soak/judgement.js'
import { soakRequests } from '../../chaos/soak/requests.js'
import { soakTargets } from '../../chaos/soak/targets.js'
import { Stage } from '../../chaos/stage.js'
import { PATIENCE } from './kit.js'

t.setTimeout(PATIENCE)

t.test('nothing is held after 2,000 requests that end in every way', async t => {
  const stage = new Stage({ warm: false })
  t.teardown(async () => { await stage.end() })
  const soaked = await soakRequests(stage, { requests: 2000, samples: 4, tell () {} })
  const { socketsKept, timersKept } = judge(soaked)
  t.ok(socketsKept && timersKept, 'sockets and timers are back to the start', { start: soaked.start, end: soaked.end })
})

t.test('nothing is held after 120 targets that come and go', async t => {
  const stage = new Stage({ warm: false })
  t.teardown(async () => { await stage.end() })
  const soaked = await soakTargets(stage, { targets: 120, tell () {} })
  const { socketsKept, timersKept } = judge(soaked)
  t.ok(socketsKept && timersKept, 'sockets and timers are back to the start', { start: soaked.start, end: soaked.end })
})
