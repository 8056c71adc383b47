/**
 * How long a client is ready to wait, as it says in a header field:
 *
 *     1500     milliseconds, as in x-envoy-upstream-rq-timeout-ms
 *     1500ms   milliseconds
 *     1.5s     seconds, the only one with decimals
 *     1500m    gRPC's grpc-timeout: at most eight digits and one of H, M, S (hours, minutes, seconds), m, u, n (milli-, micro-, nanoseconds)
 *
 * The units are told apart by case. Elsewhere `1m` is often a minute; here it is gRPC's millisecond and nothing else, and
 * there is no way to write minutes but gRPC's `1M`.
 */
const NOTATION = /^(\d+(?:\.\d+)?)(ms|[sHMSmun])?$/

const NANOSECONDS: Readonly<Record<string, number>> = {
  ms: 1e6, s: 1e9, H: 3600e9, M: 60e9, S: 1e9, m: 1e6, u: 1e3, n: 1
}

/** More than any timer takes, 25 days. Clients of gRPC write 99999999H when they have no deadline. */
const LONGEST = 2 ** 31 - 1

/** The digits that gRPC allows. */
const GRPC_DIGITS = 8

/**
 * Milliseconds, with decimals below one. Undefined for what is in none of the notations or above 2^31 - 1, which is as good
 * as no deadline. 0 is a deadline: it has passed.
 */
export function parseDeadline (value: string): number | undefined {
  const [, amount = '', unit = 'ms'] = NOTATION.exec(value) ?? []
  if (amount === '' || (amount.includes('.') && unit !== 's') || (isGrpc(unit) && amount.length > GRPC_DIGITS)) return undefined
  // In whole nanoseconds, because 1.001 * 1000 is less than 1001.
  const ms = Math.round(Number(amount) * (NANOSECONDS[unit] ?? NaN)) / 1e6
  return ms <= LONGEST ? ms : undefined
}

/**
 * Writes what is left of a deadline in the notation that the client has used.
 *
 * It is rounded down, so that nobody works for longer than there is somebody to wait, but never to 0, which many take for
 * "no deadline". gRPC's hours, minutes and seconds would lose too much: they become milliseconds, which every server of gRPC reads.
 *
 * @param ms what is left, in milliseconds, 2^31 - 1 at most
 * @param like the value as it came
 */
export function formatDeadline (ms: number, like: string): string {
  const [, , unit = ''] = NOTATION.exec(like) ?? []
  if (unit === 's') return `${atLeastOne(ms) / 1000}s`
  if (!isGrpc(unit)) return `${atLeastOne(ms)}${unit}`
  for (const finer of unit === 'u' || unit === 'n' ? ['u', 'm'] : ['m']) {
    const amount = String(atLeastOne(ms * 1e6 / (NANOSECONDS[finer] ?? NaN)))
    if (amount.length <= GRPC_DIGITS) return amount + finer
  }
  return `${atLeastOne(ms / 1000)}S`
}

function isGrpc (unit: string): boolean {
  return unit.length === 1 && unit !== 's'
}

function atLeastOne (amount: number): number {
  return Math.max(1, Math.floor(amount))
}
