import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { Result } from '../../bench/result.js'

const PROGRAM = fileURLToPath(new URL('../../bench/bench.ts', import.meta.url))

t.test('two candidates are measured, and nothing is left', async t => {
  // Not ours: it is measured as it was built, and tests build nothing.
  const file = join(t.testdir(), 'figures.json')
  const args = ['--only', 'post-1k', '--candidates', 'reply-from,raw', '--rounds', '1', '--seconds', '1', '--warm-up', '0', '--load', 'autocannon', '--upstream', 'node', '--json', file]
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', PROGRAM, ...args])
  t.match(stdout, /^reply-from +1\.00 /m)
  const { workloads } = JSON.parse(await readFile(file, 'utf8')) as Result
  t.same(workloads.map(({ name }) => name), ['post-1k'])
  const comparison = workloads[0]?.comparisons[0]
  t.equal(comparison?.reference, 'reply-from')
  t.same(comparison?.measurements.map(({ label }) => label), ['reply-from', 'raw'])
  for (const { label, rounds: [round] } of comparison?.measurements ?? []) {
    t.match(round, { errors: [] }, label)
    const { cpu = 0, perSecond = 0, p50 = NaN, p99 = NaN, memory = 0 } = round ?? {}
    t.ok(cpu > 1 && cpu < 1e5, `${label}: ${cpu} µs`)
    t.ok(perSecond > 1 && perSecond < 1e6, `${label}: ${perSecond} a second`)
    t.ok(p50 >= 0 && p50 <= p99, `${label}: ${p50} and ${p99} ms`)
    t.ok(memory > 10 && memory < 2000, `${label}: ${memory} MiB`)
  }
})

t.test('what can not be meant is an error that says what can', async t => {
  const error = await promisify(execFile)(process.execPath, ['--import', 'tsx', PROGRAM, '--only', 'nothing']).catch((error: Error) => error)
  t.match(error, { code: 2, stderr: /--only: 'nothing', must be one of get-28b, / })
})
