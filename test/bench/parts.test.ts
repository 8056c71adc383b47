import t from 'tap'
import { readWrk } from '../../bench/load/wrk.js'
import { readOptions } from '../../bench/options.js'
import { UsageError } from '../../chaos/command-line.js'
import { readCores } from '../../bench/pins.js'
import { rotated } from '../../bench/runner.js'
import { isKept, judge } from '../../bench/verdict.js'
import { comparisonsOf, type Workload } from '../../bench/workload.js'
import { loadWorkloads } from '../../bench/workloads.js'

const OUTPUT = `Running 2s test @ http://127.0.0.1:8080/28
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.92ms    1.10ms  30.10ms   90.83%
    Req/Sec    33.91k     1.01k   35.05k    85.00%
  Latency Distribution
     50%  852.00us
     75%    2.08ms
     90%    2.55ms
     99%    1.02s 
  67614 requests in 2.00s, 12.06MB read
Requests/sec:  33773.30
Transfer/sec:      6.02MB
`

t.test('what wrk says is read, in whatever unit', async t => {
  t.same(readWrk(OUTPUT), { count: 67614, perSecond: 33773.3, p50: 0.852, p99: 1020, errors: [] })
})

t.test('what went wrong for wrk is an error each', async t => {
  const output = OUTPUT.replace('Requests/sec', '  Socket errors: connect 0, read 3, write 0, timeout 12\n  Non-2xx or 3xx responses: 7\nRequests/sec')
  t.same(readWrk(output).errors, ['3 socket errors (read)', '12 socket errors (timeout)', '7 answers were neither 2xx nor 3xx'])
  t.same(readWrk('unable to connect').errors, ['nothing was answered'])
})

t.test('options choose workloads and candidates, in their own order', async t => {
  const choice = { workloads: ['a', 'b', 'c'], candidates: ['ours', 'other'] }
  t.match(readOptions([], choice), { workloads: ['a', 'b', 'c'], candidates: ['ours', 'other'], rounds: 5, seconds: 2, docs: false })
  t.match(readOptions(['--only', 'c,a', '--only', 'a', '--candidates', 'other', '--rounds', '1', '--seconds', '0.3', '--json', 'x'], choice), {
    workloads: ['a', 'c'], candidates: ['other'], rounds: 1, seconds: 0.3, json: 'x'
  })
  for (const [args, message] of [
    [['--only', 'd'], '--only: \'d\', must be one of a, b, c'],
    [['--candidates', 'ours,x'], '--candidates: \'x\', must be one of ours, other'],
    [['--rounds', '0'], '--rounds: \'0\', must be a whole number from 1 to 999'],
    [['--seconds', 'two'], '--seconds: \'two\', must be a number of seconds from 0.1 to 600'],
    [['--load', 'ab'], '--load: \'ab\', must be one of wrk, autocannon'],
    [['--upstream', 'x'], '--upstream: \'x\', must be one of nginx, node']
  ] as const) t.throws(() => readOptions(args, choice), new UsageError(message), args.join(' '))
  t.throws(() => readOptions(['--what'], choice), /Unknown option '--what'; there are --help, --list, .*--json/)
  t.throws(() => readOptions(['what'], choice), /there are --help/)
})

t.test('a promise has a margin, and is broken when it is above that twice', async t => {
  const limits = [{ workload: 'a', ratio: 0.8 }, { workload: 'b', ratio: 1 }]
  const ratio = (median: number) => ({ median, min: median, max: median })
  t.ok(isKept({ workload: 'a', ratio: 1 }, ratio(1.14)))
  t.notOk(isKept({ workload: 'a', ratio: 1 }, ratio(1.16)))
  t.notOk(isKept({ workload: 'a', ratio: 1 }, undefined))

  const runs: string[] = []
  const playing = (...found: ReadonlyArray<readonly [number, number]>) => async (limits: ReadonlyArray<{ workload: string }>) => {
    const [a, b] = found[runs.length] ?? [9, 9]
    runs.push(limits.map(({ workload }) => workload).join())
    return new Map([['a', ratio(a)], ['b', ratio(b)]])
  }
  t.same(await judge(limits, playing([0.7, 1])), [])
  t.same(runs.splice(0), ['a,b'], 'one run is enough when all is well')
  t.same(await judge(limits, playing([0.7, 2], [9, 1])), [])
  t.same(runs.splice(0), ['a,b', 'b'], 'only what was above is run again')
  t.same(await judge(limits, playing([2, 2], [2, 1])), [limits[0]])
})

t.test('nobody is always the first', async t => {
  t.same([0, 1, 2, 3].map(turn => rotated(['a', 'b', 'c'], turn).join('')), ['abc', 'bca', 'cab', 'abc'])
})

t.test('cores are read as taskset writes them', async t => {
  t.same(readCores('0,2-4'), [0, 2, 3, 4])
  t.same(readCores(''), [])
})

t.test('candidates are compared with the reference if it is there, else with the first', async t => {
  const workload: Workload = { about: '', needs: 'http', plan: { kind: 'http', method: 'GET', paths: ['/'], connections: 1 } }
  t.match(comparisonsOf(workload, ['ours', 'reply-from']), [{ reference: 'reply-from', entries: [{ label: 'ours' }, { label: 'reply-from' }] }])
  t.match(comparisonsOf(workload, ['ours', 'raw']), [{ reference: 'ours' }])
  t.same(comparisonsOf(workload, []), [])
  const variants = { ...workload, variants: [[{ label: 'on', options: {} }, { label: 'off', options: { a: 0 } }]] }
  t.match(comparisonsOf(variants, ['ours', 'raw']), [{ reference: 'on', entries: [{ label: 'on', candidate: 'ours' }, { label: 'off', candidate: 'ours' }] }])
  t.same(comparisonsOf(variants, ['raw']), [])
})

t.test('no two variants of a group are called the same, and none is measured twice', async t => {
  for (const [name, { variants = [] }] of await loadWorkloads()) {
    const labels = variants.flatMap((group, i) => group.map(({ label }) => label).slice(i === 0 ? 0 : 1))
    t.equal(new Set(labels).size, labels.length, name)
  }
})
