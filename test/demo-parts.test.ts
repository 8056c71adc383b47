import { EventEmitter } from 'node:events'
import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { HELP, readOptions, UsageError } from '../demo/options.js'
import { Screen } from '../demo/screen.js'
import type { Status, TargetStatus } from '../demo/status.js'
import { entryLine, hints, painted, plain, report, table } from '../demo/view.js'

const target: TargetStatus = { name: 'users-1', note: '', weight: 1, health: 'up', share: 0.5, inFlight: 0, failures: 0, latency: 12.4 }

/** As wide as it gets. */
const status: Status = {
  url: 'http://127.0.0.1:65535',
  seconds: 86_400,
  sent: 8_640_000,
  failed: 1,
  retried: 123_456,
  pools: [
    { prefix: '/users', policy: 'least-requests', targets: [target, { ...target, note: 'slow', latency: 4321 }, { ...target, note: 'dies', health: 'down', share: 0, latency: undefined }] },
    { prefix: '/orders', policy: 'round-robin', targets: [{ ...target, share: 0 }, { ...target, name: 'orders-2', note: 'heavy', health: 'draining', share: 1, inFlight: 99, failures: 99_999 }] }
  ],
  entries: Array.from({ length: 9 }, (_, i) => ({ at: 1000 + i, text: `users-3 is down: ${'a long reason '.repeat(9)}` }))
}

t.test('the view fits a terminal of 80 columns and 24 lines', async t => {
  const lines = [...table(status, plain), ...hints(status.url, plain)]
  t.same(lines.filter(line => line.length > 80), [])
  t.ok(lines.length <= 24, `${lines.length} lines`)
})

t.test('the view has the same number of lines from its first moment on', async t => {
  t.equal(table({ ...status, entries: [] }, plain).length, table(status, plain).length)
})

t.test('the columns of the view stand below their headings', async t => {
  const lines = table(status, plain)
  const heading = lines.find(line => line.includes('latency')) ?? ''
  const rows = lines.filter(line => line.includes('●'))
  t.equal(rows.length, 5)
  t.same([...rows.map(row => row.length)], rows.map(() => heading.length), 'all end where the heading ends')
  for (const [row, health, share, failures] of [[rows[2], 'down', '░░░░░░░░░░   0 %', '0'], [rows[4], 'draining', '██████████ 100 %', '99999']] as const) {
    t.equal(row?.indexOf(`● ${health}`), heading.indexOf('health'))
    t.equal(row?.indexOf(share), heading.indexOf('share'))
    const end = heading.indexOf('failures') + 'failures'.length
    t.equal(row?.slice(end - failures.length, end), failures)
  }
})

t.test('colour changes nothing but the colour', async t => {
  const coloured = table(status, painted)
  t.same(coloured.map(line => stripVTControlCharacters(line)), table(status, plain))
  t.ok(coloured.some(line => line.includes('\x1b[31m● down')), 'a target that is down is red')
})

t.test('the latest events are shown, the newest last', async t => {
  const lines = table(status, plain)
  t.same(lines.slice(-4).map(line => line.trim().split(' ')[0]), ['1005.0', '1006.0', '1007.0', '1008.0'])
})

t.test('lines for a file have every figure of every target', async t => {
  const lines = report({ ...status, seconds: 7.04 })
  t.equal(lines.length, 6)
  t.equal(lines[0], '   7.0 s  8640000 requests sent, 1 failed, 123456 retried on another target')
  t.equal(lines[5], '  orders-2  draining  share 100 %  in flight 99  failures 99999  latency   12 ms')
  t.same(lines.filter(line => line.length > 80), [])
  t.equal(entryLine({ at: 1.26, text: 'users-3 died' }), '   1.3 s  users-3 died')
})

t.test('a screen hides the cursor, draws over itself from the top, and leaves everything as it was', async t => {
  let written = ''
  const out = Object.assign(new EventEmitter(), { rows: 3, write: (text: string) => { written += text } })
  const screen = new Screen(out as unknown as WriteStream)
  const exitListeners = process.listenerCount('exit')
  screen.open()
  t.match(written, '\x1b[?1049h\x1b[?25l')
  written = ''
  screen.draw(['one', 'two', 'three', 'four'])
  t.ok(written.includes('\x1b[H'))
  t.equal(stripVTControlCharacters(written), 'one\ntwo\nthree', 'no more lines than the terminal has')
  written = ''
  out.emit('resize')
  t.equal(written, '\x1b[2J')
  written = ''
  screen.close()
  t.match(written, '\x1b[?25h\x1b[?1049l')
  written = ''
  screen.close()
  t.equal(written, '', 'once')
  t.equal(out.listenerCount('resize'), 0)
  t.equal(process.listenerCount('exit'), exitListeners)
})

t.test('options have defaults and take times with a unit', async t => {
  t.same(readOptions([]), { help: false, port: 0, for: undefined, outageEvery: 4000 })
  t.equal(readOptions(['--for', '10s']).for, 10_000)
  t.equal(readOptions(['--for=500ms']).for, 500)
  t.equal(readOptions(['--for', '2m']).for, 120_000)
  t.equal(readOptions(['--for', '1.5s']).for, 1500)
  t.same(readOptions(['--port', '8080', '--outage-every', '1s', '--help']), { help: true, port: 8080, for: undefined, outageEvery: 1000 })
  t.same(HELP.split('\n').filter(line => line.length > 80), [])
})

t.test('options that make no sense are refused by name', async t => {
  for (const [args, message] of [
    [['--port', 'http'], "--port: 'http', must be a whole number from 0 to 65535"],
    [['--port', '65536'], "--port: '65536', must be a whole number from 0 to 65535"],
    [['--port', ''], "--port: '', must be a whole number from 0 to 65535"],
    [['--for', '10'], "--for: '10', must be a time from 1ms to 1440m, such as 500ms, 10s or 2m"],
    [['--for', '0s'], "--for: '0s', must be a time from 1ms to 1440m, such as 500ms, 10s or 2m"],
    [['--for', '9999m'], "--for: '9999m', must be a time from 1ms to 1440m, such as 500ms, 10s or 2m"],
    [['--outage-every', '499ms'], "--outage-every: '499ms', must be a time from 500ms to 1440m, such as 500ms, 10s or 2m"],
    [['--for'], "Option '--for <value>' argument missing"],
    [['--fast'], "Unknown option '--fast'"],
    [['now'], "Unexpected argument 'now'. This command does not take positional arguments"]
  ] as const) {
    t.throws(() => readOptions(args), new UsageError(message), message)
  }
})
