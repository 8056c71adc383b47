/** Informational responses that may come before the final one; more are an error, and not a way to keep a request waiting. */
export const INTERIM_LIMIT = 1000

/** Bytes that the head of one informational response may have; the limit of undici's for any head. */
export const INTERIM_HEAD_LIMIT = 16 * 1024

const PREFIX = Buffer.from('HTTP/1.1 1')

/** Prefix, two digits more, and what ends the status. */
const DECIDED = PREFIX.length + 3

const NONE = Buffer.alloc(0)
const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const ZERO = 0x30
const ONE = 0x31
const NINE = 0x39

/**
 * Takes `100 Continue` out of what a server sends, which a client that did not ask for it may ignore (RFC 9110 §15.2.1).
 * undici ends the connection instead.
 *
 * idle → start → (head → start)* → idle. Only the heads of the informational responses before a final one are looked at;
 * from the first byte of anything else on, chunks go through as they are until the next request begins. `101 Switching
 * Protocols` is such an end.
 */
export class Interim {
  #state: 'idle' | 'start' | 'head' = 'idle'
  /** The head under way is a `100` and left out. */
  #dropping = false
  /** How much of the empty line that ends the head has been seen. */
  #ending = 0
  #size = 0
  #count = 0
  /** The beginning of a head, too short to tell what it is. */
  #held = NONE

  /** Whether the final response has begun, or nothing has been asked. */
  get passing (): boolean { return this.#state === 'idle' }

  /** Whether something has been asked and not a byte has come for an answer. */
  get silent (): boolean { return this.#state === 'start' && this.#count === 0 && this.#held.length === 0 }

  /** A request is about to be written: what comes from now on answers it. */
  begin (): void {
    this.#state = 'start'
    this.#count = 0
    this.#held = NONE
  }

  /**
   * What is to be read in place of `chunk`; null when nothing is left of it for now.
   *
   * @throws when the informational responses are too many or too long, or a `100` is malformed
   */
  take (chunk: Buffer): Buffer | null {
    if (this.#state === 'idle') return chunk
    if (this.#state === 'start' && this.#held.length === 0 && isFinal(chunk)) {
      this.#state = 'idle'
      return chunk
    }
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = NONE
    const passed: Buffer[] = []
    /** Where that begins which is neither passed on nor left out yet. */
    let from = 0
    let at = 0
    while (at < bytes.length && !this.passing) {
      if (this.#state === 'start') {
        const status = interimStatus(bytes, at)
        if (status === undefined) {
          this.#held = Buffer.from(bytes.subarray(at))
          if (at > from) passed.push(bytes.subarray(from, at))
          from = bytes.length
          break
        }
        if (status === 0) {
          this.#state = 'idle'
          break
        }
        this.#startHead(status)
        if (this.#dropping && at > from) passed.push(bytes.subarray(from, at))
        at += DECIDED - 1
      } else {
        at = this.#scan(bytes, at)
        if (this.#dropping) from = at
      }
    }
    if (from < bytes.length) passed.push(from === 0 ? bytes : bytes.subarray(from))
    if (passed.length === 0) return null
    return passed.length === 1 ? passed[0] as Buffer : Buffer.concat(passed)
  }

  #startHead (status: number): void {
    if (++this.#count > INTERIM_LIMIT) throw new Error(`more than ${INTERIM_LIMIT} informational responses before a final one`)
    this.#state = 'head'
    this.#dropping = status === 100
    this.#ending = 0
    this.#size = DECIDED - 1
  }

  /** Goes on to the end of the head, or of the bytes. A line break that is not CR LF might be the end of the head to others. */
  #scan (bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at]
      const expected = this.#ending % 2 === 0 ? CR : LF
      if (byte === expected) {
        this.#ending++
      } else if (this.#ending % 2 === 1 || byte === LF) {
        if (this.#dropping) throw new Error('a malformed 100 Continue')
        this.#state = 'idle'
        return at
      } else {
        this.#ending = 0
      }
      if (++this.#size > INTERIM_HEAD_LIMIT) throw new Error(`an informational response of more than ${INTERIM_HEAD_LIMIT} bytes`)
      if (this.#ending === 4) {
        this.#state = 'start'
        return at + 1
      }
    }
    return bytes.length
  }
}

/** Whether a chunk plainly begins with the head of a final response, as nearly all do. */
function isFinal (chunk: Buffer): boolean {
  // Only the digit matters: what is no response at all is passed on as well, for undici to refuse.
  const digit = chunk[PREFIX.length - 1]
  return digit !== undefined && digit !== ONE
}

/** The status of the informational response that begins at `at`, 0 when something else does, undefined when it is too early to tell. */
function interimStatus (bytes: Buffer, at: number): number | undefined {
  const length = Math.min(bytes.length - at, PREFIX.length)
  if (bytes.compare(PREFIX, 0, length, at, at + length) !== 0) return 0
  if (bytes.length - at < DECIDED) return undefined
  const tens = bytes[at + PREFIX.length] as number
  const units = bytes[at + PREFIX.length + 1] as number
  const end = bytes[at + PREFIX.length + 2]
  if (tens < ZERO || tens > NINE || units < ZERO || units > NINE || (end !== SPACE && end !== CR)) return 0
  const status = 100 + (tens - ZERO) * 10 + units - ZERO
  return status === 101 ? 0 : status
}
