import fc from 'fast-check'
import t from 'tap'
import { formatDeadline, parseDeadline } from '../lib/deadline.js'

const LONGEST = 2 ** 31 - 1

for (const [value, ms] of [
  ['1500', 1500], ['1500ms', 1500], ['2s', 2000], ['1.5s', 1500], ['1.001s', 1001], ['0.0005s', 0.5], ['0', 0], ['0s', 0], ['0m', 0], ['0015', 15],
  ['1H', 3_600_000], ['2M', 120_000], ['2S', 2000], ['1500m', 1500], ['100u', 0.1], ['100n', 0.0001], ['1m', 1], ['99999999u', 99_999.999], ['99999999n', 99.999999],
  ['2147483647', LONGEST], ['2147483647ms', LONGEST], ['2147483.647s', LONGEST], ['596H', 596 * 3_600_000]
] as const) {
  t.test(`${value} is ${ms} ms`, async t => { t.equal(parseDeadline(value), ms) })
}

for (const [what, ...values] of [
  ['nothing', '', ' ', 'ms', 's', 'S', '.', '.s'],
  ['a sign', '-1', '+1', '-1s', '-1m'],
  ['decimals of anything but seconds', '1.5', '1.5ms', '1.5S', '1.5m', '1.5H'],
  ['half a number', '1.s', '.5s', '1.5.5s', '1,5s'],
  ['another unit', '1h', '1d', '1min', '1MS', '1Ms', '1us', '1ns', '1µ', '1sec', '1N', '1U'],
  ['space', ' 1', '1 ', '1 s', '1\t', '1\n'],
  ['more than one', '1s2', '1s,2s', '1s 500ms'],
  ['another way to write a number', '1e3', '0x10', '1_000', 'Infinity', 'NaN', '١'],
  ['more digits than gRPC allows', '000000001m', '123456789n', '123456789u'],
  ['more than a timer takes', '2147483648', '2147483648ms', '2147484s', '597H', '99999999H', '99999999M', '99999999S', '9'.repeat(400)]
] as const) {
  t.test(`${what} is no deadline`, async t => {
    for (const value of values) t.equal(parseDeadline(value), undefined, value)
  })
}

for (const [ms, like, text] of [
  [1200, '1500', '1200'], [1200.9, '1500', '1200'], [1200, '1500ms', '1200ms'],
  [1700, '2s', '1.7s'], [1700.9, '2.0s', '1.7s'], [1000, '1.5s', '1s'], [1001, '2s', '1.001s'], [2_147_483_647, '2s', '2147483.647s'],
  [1200.9, '1500m', '1200m'], [1700, '2S', '1700m'], [59_000, '1M', '59000m'], [3_500_000.5, '1H', '3500000m'], [0.05, '100u', '50u'], [12.3456, '20000u', '12345u'],
  [0.0512, '99999n', '51u']
] as const) {
  t.test(`${ms} ms are written like ${like} as ${text}`, async t => { t.equal(formatDeadline(ms, like), text) })
}

t.test('what is left is never written as nothing', async t => {
  for (const ms of [0.0001, 0, -5]) {
    t.same(['1500', '1500ms', '1.5s', '1H', '1M', '1S', '1500m', '100u', '100n'].map(like => formatDeadline(ms, like)),
      ['1', '1ms', '0.001s', '1m', '1m', '1m', '1m', '1u', '1u'])
  }
})

t.test('gRPC gets eight digits and no more, in the next unit if need be', async t => {
  t.equal(formatDeadline(99_999_999, '30H'), '99999999m')
  t.equal(formatDeadline(100_000_999, '30H'), '100000S')
  t.equal(formatDeadline(LONGEST, '1n'), '2147483S')
  t.equal(formatDeadline(99_999.999, '1u'), '99999999u')
  t.equal(formatDeadline(100_000.5, '1u'), '100000m')
})

t.test('what came in no notation is answered in milliseconds', async t => {
  for (const like of ['', '1h', 'x', '1 s']) t.equal(formatDeadline(5, like), '5', like)
})

t.test('whatever is written is read as less than a unit below what was left, and not as more', async t => {
  const notation = fc.constantFrom(['1', 1], ['1ms', 1], ['1s', 1], ['1H', 1000], ['1M', 1000], ['1S', 1000], ['1m', 1000], ['1u', 1000], ['1n', 1000])
  fc.assert(fc.property(fc.double({ min: 1, max: LONGEST, noNaN: true }), notation, (ms, [like, unit]) => {
    const read = parseDeadline(formatDeadline(ms, String(like))) ?? NaN
    return read <= ms && read > ms - Number(unit)
  }), { numRuns: 1000 })
  t.pass()
})

t.test('no text makes it throw or leave its limits', async t => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789.msHMSun') }))
  fc.assert(fc.property(text, text => {
    const ms = parseDeadline(text)
    return ms === undefined || (ms >= 0 && ms <= LONGEST && parseDeadline(formatDeadline(ms, text)) !== undefined)
  }), { numRuns: 2000 })
  t.pass()
})
