import fc from 'fast-check'
import t from 'tap'
import { retryAfter } from '../lib/retry-after.js'

const LONGEST = 2 ** 31 - 1

/** 30 seconds before the example of the RFC. */
const NOW = Date.UTC(1994, 10, 6, 8, 49, 7)

t.test('a number is seconds', async t => {
  t.equal(retryAfter('0', NOW), 0)
  t.equal(retryAfter('120', NOW), 120_000)
  t.equal(retryAfter('007', NOW), 7000)
  t.equal(retryAfter(' \t5 \t', NOW), 5000)
})

t.test('a date in any of the three forms is the time until then', async t => {
  for (const date of ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994', 'Sun Nov 06 08:49:37 1994', ' Sun, 06 Nov 1994 08:49:37 GMT ']) {
    t.equal(retryAfter(date, NOW), 30_000, date)
    t.equal(retryAfter(date, NOW + 30_000), 0, date)
    t.equal(retryAfter(date, NOW + 30_001), 0, `${date}, which has passed`)
  }
})

t.test('what a Date writes is understood, for every second of four centuries', async t => {
  const second = fc.integer({ min: Date.UTC(1900, 0) / 1000, max: Date.UTC(2300, 0) / 1000 })
  fc.assert(fc.property(second, fc.integer({ min: 0, max: 1_000_000 }), (second, ahead) => {
    const then = second * 1000
    return retryAfter(new Date(then).toUTCString(), then - ahead) === ahead
  }))
  t.pass()
})

t.test('a minute has a second more when it has to', async t => {
  t.equal(retryAfter('Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2016, 11, 31, 23, 59, 59)), 1000)
})

t.test('two digits are never a year that is more than 50 years off', async t => {
  const at = (year: number): number => Date.UTC(year, 0, 1)
  const hour = 3_600_000
  t.equal(retryAfter('Friday, 01-Jan-00 01:00:00 GMT', at(2000)), hour)
  t.equal(retryAfter('Friday, 01-Jan-00 01:00:00 GMT', at(2100)), hour)
  t.equal(retryAfter('Friday, 01-Jan-00 00:00:00 GMT', Date.UTC(2099, 11, 31, 23)), hour, 'the century turns')
  t.equal(retryAfter('Friday, 01-Jan-99 00:00:00 GMT', at(2000)), 0)
  t.equal(retryAfter('Friday, 01-Jan-76 00:00:00 GMT', at(2026)), LONGEST, '50 years')
  t.equal(retryAfter('Friday, 01-Jan-77 00:00:00 GMT', at(2026)), 0, 'in 51 years, or 49 years ago')
})

t.test('nothing is longer than a timer takes', async t => {
  t.equal(retryAfter('2147483', NOW), 2_147_483_000)
  t.equal(retryAfter('2147484', NOW), LONGEST)
  t.equal(retryAfter('9'.repeat(10_000), NOW), LONGEST)
  t.equal(retryAfter('Fri, 31 Dec 9999 23:59:59 GMT', NOW), LONGEST)
})

for (const [what, value] of [
  ['nothing', undefined], ['an empty one', ''], ['blanks', ' \t '], ['a sign', '+5'], ['a negative one', '-5'], ['decimals', '1.5'], ['an exponent', '1e3'],
  ['another base', '0x10'], ['a unit', '5s'], ['two', '5, 5'], ['white space of another kind', '\u00a05'], ['a line break', '5\n'], ['digits of another script', '٥'],
  ['a date of another standard', '1994-11-06T08:49:37Z'], ['another time zone', 'Sun, 06 Nov 1994 08:49:37 +0000'], ['no time zone', 'Sun, 06 Nov 1994 08:49:37'],
  ['another time zone by name', 'Sun, 06 Nov 1994 08:49:37 UTC'], ['lower case', 'sun, 06 nov 1994 08:49:37 gmt'], ['one digit', 'Sun, 6 Nov 1994 08:49:37 GMT'],
  ['no day of the week', '06 Nov 1994 08:49:37 GMT'], ['a day that there is none of', 'Son, 06 Nov 1994 08:49:37 GMT'], ['a month that there is none of', 'Sun, 06 Okt 1994 08:49:37 GMT'],
  ['the 31st of November', 'Thu, 31 Nov 1994 08:49:37 GMT'], ['the 30th of February', 'Sun Feb 30 08:49:37 2020'], ['the 29th of February in another year', 'Monday, 29-Feb-21 08:49:37 GMT'],
  ['the 0th', 'Sun, 00 Nov 1994 08:49:37 GMT'], ['the 24th hour', 'Sun, 06 Nov 1994 24:00:00 GMT'], ['the 60th minute', 'Sun, 06 Nov 1994 08:60:00 GMT'],
  ['the 61st second', 'Sun, 06 Nov 1994 08:49:61 GMT'], ['a long year', 'Sun, 06 Nov 11994 08:49:37 GMT'], ['a short day', 'Sun, 06-Nov-94 08:49:37 GMT'],
  ['more behind it', 'Sun, 06 Nov 1994 08:49:37 GMT; x'], ['more in front of it', 'x Sun, 06 Nov 1994 08:49:37 GMT']
] as const) {
  t.test(`${what} is not understood`, async t => { t.equal(retryAfter(value, NOW), undefined) })
}

t.test('no text makes it throw or leave its limits', async t => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'SunNovGMT 0123456789:,-\t') }))
  fc.assert(fc.property(text, fc.integer({ min: 0, max: 2e12 }), (text, now) => {
    const ms = retryAfter(text, now)
    return ms === undefined || (ms >= 0 && ms <= LONGEST)
  }))
  t.pass()
})
