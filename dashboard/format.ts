/** Numbers as the page shows them. */

export function rate (perSecond: number): string {
  if (perSecond === 0) return '0/s'
  return perSecond < 10 ? `${perSecond.toFixed(1)}/s` : `${count(Math.round(perSecond))}/s`
}

export function ms (value: number | undefined): string {
  if (value === undefined) return '–'
  return value < 10 ? `${value.toFixed(1)} ms` : `${count(Math.round(value))} ms`
}

const grouped = new Intl.NumberFormat('en')

export function count (value: number): string {
  return grouped.format(value)
}

/** Without what is the same for nearly all of them. */
export function shortUrl (url: string): string {
  return url.replace(/^http:\/\//, '')
}

const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false })

export function time (at: number): string {
  return clock.format(at)
}
