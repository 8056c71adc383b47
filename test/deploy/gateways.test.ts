import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { leastRequests } from '../../lib/policies/least-requests.js'
import { p2c } from '../../lib/policies/p2c.js'
import { random } from '../../lib/policies/random.js'
import { roundRobin } from '../../lib/policies/round-robin.js'
import type { PolicyFactory } from '../../lib/policy.js'
import { VirtualClock } from '../kit/clock.js'
import { sequence, tally, targetsOf } from '../policies/sample.js'
import { drawLines } from './chart.js'
import { latencies, mean, percentile } from './gateways.js'
import { root, text } from './kit.js'

const page = text('../docs/deploying.md')
const SETTING = { targets: 20, load: 0.8, service: 10, roundTrip: 1, requests: 200_000, seed: 2 }

/** How far a run may be from the figures on the page, as shares. Queues have long memories: short runs with other dice differ by half as much. */
const TOLERANCE = { mean: 0.06, p99: 0.08 }

/** `mean / p99` by the number of gateways, as the page has them for each policy. */
const rows = new Map([...page.slice(page.indexOf('<!-- simulated -->')).matchAll(/^\| (\d+) \| (.+) \|$/gm)].map(([, gateways, cells = '']) =>
  [Number(gateways), cells.split(' | ').map(cell => cell.split(' / ').map(Number))]))

const atRandom = /^`random` has (\d+) \/ (\d+)/m.exec(page)?.slice(1).map(Number) ?? []

function isNear (t: Test, policy: PolicyFactory, gateways: number, [expectedMean = NaN, expectedP99 = NaN]: readonly number[]): void {
  const measured = latencies({ ...SETTING, policy, gateways })
  const off = { mean: mean(measured) / expectedMean - 1, p99: percentile(measured, 0.99) / expectedP99 - 1 }
  t.ok(Math.abs(off.mean) <= TOLERANCE.mean, `mean with ${gateways}: ${mean(measured).toFixed(1)}, ${(off.mean * 100).toFixed(1)} % off`)
  t.ok(Math.abs(off.p99) <= TOLERANCE.p99, `99th percentile with ${gateways}: ${percentile(measured, 0.99).toFixed(0)}, ${(off.p99 * 100).toFixed(1)} % off`)
}

t.test('several gateways cost what the page says', async t => {
  t.same([...rows.keys()], [1, 2, 4, 8, 16, 32, 64])
  for (const gateways of [1, 8, 64]) {
    for (const [i, policy] of [roundRobin, p2c, leastRequests].entries()) isNear(t, policy, gateways, rows.get(gateways)?.[i] ?? [])
  }
  isNear(t, random, 8, atRandom)
})

t.test('the best policy for one gateway is no better than turns with many', async t => {
  const [one, few, many] = [1, 8, 64].map(gateways => rows.get(gateways)?.map(([mean = NaN]) => mean) ?? [])
  t.ok(Number(one?.[2]) < 0.5 * Number(one?.[0]))
  t.ok(Number(few?.[1]) <= Number(few?.[2]))
  t.ok(Number(many?.[2]) > 0.95 * Number(many?.[0]))
})

t.test('rotations of k gateways leave two targets k requests apart at most', async t => {
  const clock = new VirtualClock()
  const targets = targetsOf(1, 1, 1, 1, 1, 1, 1)
  for (const gateways of [1, 3, 16]) {
    const picked = Array.from({ length: gateways }, () => sequence(roundRobin(clock), targets, Math.floor(clock.random() * 500)))
    const counts = tally(picked.flat(), targets)
    t.ok(Math.max(...counts) - Math.min(...counts) <= gateways, `${gateways}: ${counts.join(' ')}`)
  }
})

t.test('the chart is of the table; DRAW_CHART=1 draws it anew', async t => {
  const chart = new URL('docs/deploying-gateways.svg', root)
  const places = [...rows.keys()]
  const lines = [
    { label: 'random', values: places.map(() => atRandom[0] ?? NaN) },
    ...['round-robin', 'p2c', 'least-requests'].map((label, i) => ({ label, values: places.map(gateways => rows.get(gateways)?.[i]?.[0] ?? NaN) }))
  ]
  const drawn = drawLines('Mean ms of a request that takes a target 10 ms, 20 targets at 80 % load', places, lines, 60)
  if (process.env.DRAW_CHART === '1') writeFileSync(chart, drawn)
  t.ok(existsSync(chart))
  t.equal(readFileSync(chart, 'utf8'), drawn)
})
