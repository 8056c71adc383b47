/** The longest wait in milliseconds that a timer takes: 2^31 - 1, a little under 25 days. */
const LONGEST = 2 ** 31 - 1

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MONTH = MONTHS.join('|')
/** 60 is a leap second. */
const TIME = '(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d):(?<second>[0-5]\\d|60)'

/**
 * The three forms of a date in HTTP (RFC 9110 §5.6.7); only the first one may still be written, all have to be read.
 * Whether the name of the day is that of the date is nobody's concern.
 */
const DATES = [
  whole(`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d{2}) (?<month>${MONTH}) (?<year>\\d{4}) ${TIME} GMT`),
  whole(`(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d{2})-(?<month>${MONTH})-(?<year>\\d{2}) ${TIME} GMT`),
  whole(`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>${MONTH}) (?<day>\\d{2}| \\d) ${TIME} (?<year>\\d{4})`)
]

const SECONDS = whole('(\\d+)')

/** Matches a value but for the white space around it, which is no part of it (RFC 9110 §5.5). */
function whole (pattern: string): RegExp {
  return new RegExp(`^[\\t ]*${pattern}[\\t ]*$`)
}

/**
 * How long a `Retry-After` (RFC 9110 §10.2.3) asks to wait, in milliseconds: 0 for a date that has passed, 2^31 - 1 at most.
 * Undefined when it says nothing that the RFC knows.
 *
 * @param now milliseconds since 1970
 */
export function retryAfter (value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined
  const seconds = SECONDS.exec(value)?.[1]
  if (seconds !== undefined) return Math.min(Number(seconds) * 1000, LONGEST)
  const date = dateOf(value, now)
  return date === undefined ? undefined : Math.min(Math.max(0, date - now), LONGEST)
}

/** Milliseconds since 1970. */
function dateOf (text: string, now: number): number | undefined {
  for (const form of DATES) {
    const parts = form.exec(text)?.groups
    if (parts === undefined) continue
    const [day, hour, minute, second] = [Number(parts['day']), Number(parts['hour']), Number(parts['minute']), Number(parts['second'])]
    // Date.UTC takes years below 100 for those of the last century.
    const date = new Date(0)
    date.setUTCFullYear(fullYear(parts['year'] ?? '', now), MONTHS.indexOf(parts['month'] ?? ''), day)
    // The 31st of a shorter month would be a day of the next one.
    return date.getUTCDate() === day ? date.setUTCHours(hour, minute, second) : undefined
  }
  return undefined
}

/** Two digits are the year that is next, unless that is more than 50 years from now: then they are the latest one (RFC 9110 §5.6.7). */
function fullYear (digits: string, now: number): number {
  if (digits.length === 4) return Number(digits)
  const thisYear = new Date(now).getUTCFullYear()
  const ahead = (Number(digits) + 100 - thisYear % 100) % 100
  return thisYear + (ahead > 50 ? ahead - 100 : ahead)
}
