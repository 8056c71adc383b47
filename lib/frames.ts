/**
 * Where WebSocket frames begin in a stream of bytes (RFC 6455 §5.2). A tunnel passes bytes on unread; all it has to know is
 * where a frame of its own may go in between.
 */
export class FrameBoundaries {
  /** Bytes of the current frame's header, as far as they have come. A header has 2 to 14. */
  readonly #header = Buffer.alloc(14)
  #headerLength = 0
  /** Bytes of the current frame's payload that have yet to come. */
  #payload = 0

  /** Whether the next byte is the first of a frame. */
  get between (): boolean { return this.#headerLength === 0 && this.#payload === 0 }

  /** Follows the stream to the end of `chunk`. */
  pass (chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) at = this.#advance(chunk, at)
  }

  /** Follows the stream to the end of the current frame, and returns how many bytes of `chunk` belong to it. */
  finish (chunk: Buffer): number {
    let at = 0
    while (at < chunk.length && !this.between) at = this.#advance(chunk, at)
    return at
  }

  #advance (chunk: Buffer, at: number): number {
    if (this.#payload > 0) {
      const taken = Math.min(this.#payload, chunk.length - at)
      this.#payload -= taken
      return at + taken
    }
    this.#header[this.#headerLength++] = chunk[at] ?? 0
    const second = this.#header[1] ?? 0
    const short = second & 0x7f
    const whole = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + (second > 0x7f ? 4 : 0)
    if (this.#headerLength >= 2 && this.#headerLength === whole) {
      this.#headerLength = 0
      if (short < 126) this.#payload = short
      else this.#payload = short === 126 ? this.#header.readUInt16BE(2) : Number(this.#header.readBigUInt64BE(2))
    }
    return at + 1
  }
}

/** "Going away" (RFC 6455 §7.4.1): what an endpoint is told whose server shuts down. */
const GOING_AWAY = 1001

/**
 * A close frame.
 *
 * @param mask four bytes, for a frame that a client sends (RFC 6455 §5.3)
 */
export function closeFrame (mask?: Buffer): Buffer {
  const code = Buffer.alloc(2)
  code.writeUInt16BE(GOING_AWAY)
  if (mask === undefined) return Buffer.concat([Buffer.of(0x88, 2), code])
  return Buffer.concat([Buffer.of(0x88, 0x82), mask, code.map((byte, i) => byte ^ (mask[i] ?? 0))])
}
