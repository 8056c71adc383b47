import t from 'tap'
import { charts, OVERVIEW } from '../../bench/document/charts.js'
import { between } from '../../bench/document/document.js'
import { figures } from '../../bench/document/figures.js'
import type { Round, WorkloadResult } from '../../bench/measurement.js'
import { merged, type Result } from '../../bench/result.js'
import { aligned, markdown, rowsOf } from '../../bench/rows.js'
import { median, ratio } from '../../bench/statistics.js'
import { summarise } from '../../bench/summary.js'

const round = (cpu: number, errors: readonly string[] = []): Round => ({ cpu, perSecond: 1000 / cpu, p50: 1.234, p99: 123.4, memory: 99.6, errors })

const comparison = {
  reference: 'reply-from',
  measurements: [
    { label: 'ours', candidate: 'ours', rounds: [round(8), round(30), round(1, ['3 socket errors (read)'])] },
    { label: 'reply-from', candidate: 'reply-from', rounds: [round(10), round(30), round(20)] }
  ]
}

const workload: WorkloadResult = {
  name: 'get-28b', about: 'GET of <28 B>', unit: 'request', connections: 64, upstream: 'nginx 1', load: 'wrk 4', rounds: 3, seconds: 2, warmUp: 3, at: '2026-01-02T03:04:05Z', comparisons: [comparison]
}

const result: Result = {
  machine: { system: 'linux x64', processor: 'one', cores: 2, memoryGiB: 8, node: '20.0.0' },
  commit: 'abc+',
  pins: 'not pinned',
  about: { ours: 'this plugin' },
  versions: { ours: 'fastify 5' },
  workloads: [workload]
}

t.test('a median of an even number is between the two in the middle', async t => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  t.ok(Number.isNaN(median([])))
})

t.test('ratios are of pairs; a pair of which one is missing is left out', async t => {
  t.same(ratio([8, 30, undefined, 4], [10, 20, 5, undefined]), { median: 1.15, min: 0.8, max: 1.5 })
  t.equal(ratio([undefined], [1]), undefined)
})

t.test('a round with errors counts for nothing, and shows', async t => {
  const [ours, other] = summarise(comparison)
  t.match(ours, { cpu: 19, ratio: { median: 0.9, min: 0.8, max: 1 }, rounds: 3, invalid: 1, errors: ['3 socket errors (read)'] })
  t.match(other, { cpu: 20, ratio: { median: 1, min: 1, max: 1 }, invalid: 0 })
  t.match(aligned(rowsOf(workload)), /^ours +0\.90 +0\.80 to 1\.00 +19 +79 +1\.23 +123 +100 +3, 1 INVALID$/m)
  t.match(markdown(rowsOf(workload)), /^\| reply-from \| 1\.00 \| 1\.00 to 1\.00 \| 20 \|/m)
})

t.test('a reference that is in every group has one row', async t => {
  const rows = rowsOf({ ...workload, comparisons: [comparison, comparison] })
  t.same(rows.map(([label]) => label), ['', 'ours', 'reply-from', 'ours'])
})

t.test('the document has charts, tables and what went wrong', async t => {
  const drawn = charts([workload])
  t.same([...drawn.keys()], [OVERVIEW, 'bench-get-28b.svg'])
  t.match(drawn.get('bench-get-28b.svg'), 'GET of &lt;28 B>')
  const text = figures(result, new Set(drawn.keys()))
  t.match(text, '](bench-get-28b.svg)')
  t.match(text, 'Commit abc with changes.')
  t.match(text, '3 rounds of 2 s after 3 s of warm-up')
  t.match(text, '**These are figures of a short run**')
  t.notMatch(figures({ ...result, workloads: [{ ...workload, rounds: 5 }] }, new Set()), 'short run')
  t.match(text, '**Rounds that do not count:** ours: 3 socket errors (read).')
  const page = 'a\n<!-- figures: written by `npm run bench -- --docs` -->\nold\n<!-- end of figures -->\nb'
  t.equal(between(page, 'new'), page.replace('\nold\n', '\n\nnew\n\n'))
  t.equal(between(between(page, 'newer'), 'new'), between(page, 'new'))
  t.throws(() => between('no markers', ''), /has to have/)
})

t.test('workloads that were not run keep their figures, unless those are from another machine', async t => {
  const newer = { ...result, workloads: [{ ...workload, name: 'tls' }] }
  t.same(merged(result, newer).workloads.map(({ name }) => name), ['get-28b', 'tls'])
  t.same(merged({ ...result, machine: { ...result.machine, cores: 4 } }, newer).workloads.map(({ name }) => name), ['tls'])
  t.equal(merged(undefined, newer), newer)
})
