import { pathToFileURL } from 'node:url'
import t from 'tap'
import { idleConnections } from '../../bench/idle/connections.js'
import { holds, table as findingsTable, type Finding } from '../../bench/idle/finding.js'
import { readOptions as readIdleOptions } from '../../bench/idle/options.js'
import { manyRoutes } from '../../bench/idle/routes.js'
import { idleTargets } from '../../bench/idle/targets.js'
import { CASES } from '../../bench/micro/cases.js'
import { between } from '../../bench/micro/docs.js'
import { readOptions } from '../../bench/micro/options.js'
import { run, type Row } from '../../bench/micro/run.js'
import { median, ratios } from '../../bench/statistics.js'
import { markdown, table } from '../../bench/micro/table.js'
import { compiledLib } from '../kit/compiled.js'

const build = pathToFileURL(`${compiledLib()}/`).href
const index = new URL('index.js', build).href

const ROW: Row = {
  name: 'p2c', targets: 10, idle: 20.4, idleRatio: 1.5, bytes: 0, spread: 30, spreadRatio: 2, dispatch: 1000, dispatchRatio: 1, settle: 500, settleRatio: 1, requestBytes: 2000
}

// Both wait for one process after another.
t.jobs = 2

t.test('the micro-benchmark finds a figure for every part', { buffered: true }, async t => {
  const cases = CASES.filter(({ name }) => name === 'least-requests')
  for await (const rows of run({ build, cases, sizes: [2, 20], rounds: 1, milliseconds: 0.2 })) {
    t.strictSame(rows.map(({ name, targets }) => [name, targets]), [['least-requests', 2], ['least-requests', 20]])
    for (const { name: _, ...figures } of rows) {
      for (const [what, figure] of Object.entries(figures)) t.ok(Number.isFinite(figure) && figure >= 0, `${what}: ${figure}`)
      t.ok(figures.idle > 0 && figures.spread > 0 && figures.dispatch > 0 && figures.settle > 0)
    }
  }
})

t.test('what is there and does nothing has figures too', { buffered: true }, async t => {
  const findings = (await Promise.all([
    idleTargets({ index, targets: 3, interval: 100, rounds: 1 }),
    idleConnections({ index, connections: 20 }),
    manyRoutes({ index, routes: 3, rounds: 1, requests: 20 })
  ])).flat()
  t.equal(findings.length, 5)
  for (const { what, found } of findings) t.ok(Number.isFinite(found), `${what}: ${found}`)
})

t.test('a finding holds up to its limit', async t => {
  const finding = (found: number): Finding => ({ what: 'this', found, limit: 5, unit: '%', besides: '' })
  t.strictSame([4, 5, 5.01].map(found => holds(finding(found))), [true, true, false])
  t.equal(findingsTable([finding(1), { ...finding(6), besides: 'much' }]), 'holds: this: 1.00 %, at most 5\nDOES NOT HOLD: this: 6.00 %, at most 5 (much)\n')
})

t.test('medians, and ratios pair by pair', async t => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  t.strictSame(ratios([2, 9], [1, 3]), [2, 3])
})

t.test('rows become lines, and go between the markers of a page', async t => {
  t.match(table([ROW]), /^p2c +10 +20 +1\.50 +0 +30 +2\.00 +1000 +1\.00 +500 +1\.00 +2000$/m)
  const many = { ...ROW, targets: 1000, idle: 1999, spread: 1999, idleRatio: 12.3 }
  t.match(markdown([ROW, many]), /^\| {2}\| 1,000 targets \| bytes per pick \| under 2 µs among 1,000 \|\n.*\n\| `p2c`: equal weights \| 12 \| 0 \| yes \|\n$/)
  t.match(markdown([ROW, { ...many, spread: 2100 }]), /\| no: 2\.1 µs \|$/m)
  t.match(markdown([ROW]), /^\| `p2c`: equal weights \| 0 \| – \|$/m)
  t.equal(between('a\n<!-- micro -->\nold\n<!-- /micro -->\nb', 'new\n'), 'a\n<!-- micro -->\nnew\n<!-- /micro -->\nb')
  t.throws(() => between('a', 'new'), { message: 'the page has no <!-- micro --> … <!-- /micro -->' })
})

t.test('options that can not be meant say what can', async t => {
  t.throws(() => readOptions(['--only', 'best']), { message: /^--only: 'best', must be one of round-robin, / })
  t.throws(() => readOptions(['--rounds', '0']), { message: "--rounds: '0', must be a whole number from 1 to 999999" })
  t.throws(() => readOptions(['--fast']), { message: /'--fast'/ })
  t.throws(() => readIdleOptions(['--only', 'x']), { message: "--only: 'x', must be one of targets, connections, routes" })
  t.throws(() => readIdleOptions(['--rounds', 'x']), { message: /^--rounds: 'x'/ })
  t.strictSame(readOptions(['--sizes', '2,5', '--only', 'p2c']).sizes, [2, 5])
  t.strictSame(readIdleOptions(['--only', 'routes']).parts, ['routes'])
})
