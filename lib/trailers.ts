/**
 * Fields that mean nothing, or something else, behind a body: framing, routing, authentication and what says how to read
 * the content (RFC 9110 §6.5.1).
 */
const NEVER_TRAILERS = new Set([
  'authorization', 'cache-control', 'connection', 'content-encoding', 'content-length', 'content-range', 'content-type', 'cookie', 'expect',
  'host', 'keep-alive', 'max-forwards', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'set-cookie', 'te', 'trailer',
  'transfer-encoding', 'upgrade', 'www-authenticate'
])

/** The trailer fields that may be passed on, as names and values in turn. */
export function trailerFields (raw: ReadonlyArray<Buffer | string> | null): Array<[string, string]> {
  const fields: Array<[string, string]> = []
  if (raw === null) return fields
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i])
    if (!NEVER_TRAILERS.has(name.toLowerCase())) fields.push([name, text(raw[i + 1])])
  }
  return fields
}

/** What a `Trailer` field announces, without what is not passed on. */
export function announcedTrailers (value: string): string {
  return value.split(',').map(name => name.trim()).filter(name => name !== '' && !NEVER_TRAILERS.has(name.toLowerCase())).join(', ')
}

/** Whether `TE` says that the client understands trailers (RFC 9110 §10.1.4). */
export function wantsTrailers (te: string): boolean {
  return /(?:^|,)\s*trailers\s*(?:;(?!\s*q=0(?:\.0*)?\s*(?:,|$))|,|$)/i.test(te)
}

function text (bytes: Buffer | string | undefined): string {
  return typeof bytes === 'string' ? bytes : bytes?.toString('latin1') ?? ''
}
