/** Names of header fields as bytes. Looking at them costs a fraction of making texts of them, which every response would pay for. */

/** Field values are bytes; latin1 is the one decoding that gives every byte back when it is written out again. */
export function latin1 (bytes: Buffer | undefined): string {
  return bytes === undefined ? '' : bytes.toString('latin1')
}

/** Names that responses have all the time; any other is read from its bytes. */
export const COMMON: readonly string[] = [
  'accept-ranges', 'access-control-allow-credentials', 'access-control-allow-headers', 'access-control-allow-methods', 'access-control-allow-origin',
  'access-control-expose-headers', 'age', 'alt-svc', 'cache-control', 'connection', 'content-disposition', 'content-encoding', 'content-language',
  'content-length', 'content-range', 'content-security-policy', 'content-type', 'cross-origin-opener-policy', 'cross-origin-resource-policy', 'date', 'etag',
  'expires', 'keep-alive', 'last-modified', 'link', 'location', 'pragma', 'referrer-policy', 'retry-after', 'server', 'server-timing', 'set-cookie',
  'strict-transport-security', 'trailer', 'transfer-encoding', 'upgrade', 'vary', 'via', 'www-authenticate', 'x-content-type-options',
  'x-frame-options', 'x-powered-by', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'x-request-id', 'x-response-time', 'x-xss-protection'
]

/** By length: most lengths have one or two. */
const BY_LENGTH: ReadonlyArray<readonly string[] | undefined> = Array.from({ length: 40 }, (_, length) => {
  const names = COMMON.filter(name => name.length === length)
  return names.length === 0 ? undefined : names
})

/** The name of a field in lower case. */
export function fieldName (bytes: Buffer | undefined): string {
  if (bytes === undefined) return ''
  for (const name of BY_LENGTH[bytes.length] ?? []) if (begins(bytes, name)) return name
  return latin1(bytes).toLowerCase()
}

/** Whether a field has this name. @param name in lower case */
export function isNamed (bytes: Buffer | undefined, name: string): boolean {
  return bytes?.length === name.length && begins(bytes, name)
}

/** Whether a text begins like this, in capitals or not. @param start letters in lower case, digits and `-`, `/` */
export function begins (bytes: Buffer, start: string): boolean {
  if (bytes.length < start.length) return false
  for (let i = 0; i < start.length; i++) {
    const byte = bytes[i] as number
    // Only a capital letter is one bit away from what it stands for.
    if ((byte >= CAPITAL_A && byte <= CAPITAL_Z ? byte | TO_LOWER : byte) !== start.charCodeAt(i)) return false
  }
  return true
}

const CAPITAL_A = 0x41
const CAPITAL_Z = 0x5a
const TO_LOWER = 0x20
