import t from 'tap'
import type { Breaker, Outcome } from '../../lib/index.js'
import { gateway, REFUSING } from '../kit/index.js'
import { changes, health, members, moody, status, statuses } from './breaker-kit.js'

t.test('with breaker false nobody is ejected', async t => {
  const [good, bad] = [await moody(t), await moody(t, status(500))]
  const gate = await gateway(t, { name: 'pool', targets: [good.url, bad.url, REFUSING], breaker: false })
  await statuses(gate, 60)
  t.same(health(gate), ['up', 'up', 'up'])
  t.ok(bad.hits() >= 20)
  t.same(changes(gate.log), [])
})

t.test('only what is listed in faults counts', async t => {
  const [good, other] = [await moody(t), await moody(t, status(500))]
  const gate = await gateway(t, { name: 'pool', targets: [good.url, other.url], breaker: { faults: ['404-410', 429] }, retries: 0 })
  await statuses(gate, 40)
  t.same(health(gate), ['up', 'up'])
  other.mood = status(404)
  await statuses(gate, 40)
  t.same(health(gate), ['up', 'down'])
})

t.test('a status that asks for less is a fault where it is listed by itself', async t => {
  const [good, other] = [await moody(t), await moody(t, status(429))]
  const gate = await gateway(t, { name: 'pool', targets: [good.url, other.url], breaker: { faults: [429], consecutive: 1 } })
  await statuses(gate, 2)
  t.same(health(gate), ['up', 'down'])
})

t.test('fewer or more faults in a row, and a share, can be asked for', async t => {
  const [good, bad] = [await moody(t), await moody(t, status(500))]
  const gate = await gateway(t, { name: 'pool', targets: [good.url, bad.url], breaker: { consecutive: 2, failureRate: 0 }, retries: 0 })
  await statuses(gate, 20)
  t.equal(bad.hits(), 2)
  const [well, sick] = [await moody(t), await moody(t, status(500))]
  const rate = await gateway(t, { name: 'pool', targets: [well.url, sick.url], breaker: { consecutive: 0, failureRate: 1, minimumRequests: 8 }, retries: 0 })
  await statuses(rate, 40)
  t.equal(sick.hits(), 8)
})

t.test('a breaker of one\'s own judges each target, is told of every outcome, and forgets after an ejection', async t => {
  const told: Outcome['kind'][] = []
  let made = 0
  let resets = 0
  const breaker = (): Breaker => {
    made++
    let teapots = 0
    return {
      record (outcome) {
        told.push(outcome.kind)
        if (outcome.kind === 'answered' && outcome.status === 418) teapots++
        return teapots >= 3
      },
      reset () {
        teapots = 0
        resets++
      }
    }
  }
  const [good, odd] = [await moody(t), await moody(t, status(418))]
  const gate = await gateway(t, { name: 'pool', targets: [good.url, odd.url], breaker: { breaker } })
  await statuses(gate, 20)
  t.equal(odd.hits(), 3)
  t.same(health(gate), ['up', 'down'])
  t.match(members(gate)[1]?.reason, 'ejected: status 418')
  t.same([made, resets], [2, 1])
  t.same([...new Set(told)], ['answered'])
  t.equal(told.length, 20)
})
