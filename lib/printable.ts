/** C0 and C1 controls, the line ends of Unicode, and what has text written in the other direction. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/**
 * A text for people to read that may have bytes of a peer in it: what would end a line, or move a terminal's cursor, is shown by its
 * number. At most `limit` characters.
 */
export function printable (text: string, limit = 500): string {
  const short = text.length > limit ? `${text.slice(0, limit)}…` : text
  return short.replace(CONTROL, char => {
    const code = char.charCodeAt(0)
    return code > 0xff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\x${code.toString(16).padStart(2, '0')}`
  })
}
