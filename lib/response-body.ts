import { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

/**
 * Bytes that are held for a reader that is slower than its upstream, before the upstream is made to wait. Node reads up to 64 KiB
 * at a time, and to stop undici in the middle of one costs as much as to pass it on: what was not parsed is put back and copied again.
 */
const HIGH_WATER_MARK = 128 * 1024

/** A streamed answer on its way to the client. */
export class ResponseBody extends Readable {
  readonly #reply: FastifyReply
  readonly #resume: () => void
  readonly #abort: () => void
  readonly #trailers: string
  #flushed = false

  /** @param trailers value of `Trailer`, or empty */
  constructor (reply: FastifyReply, trailers: string, resume: () => void, abort: () => void) {
    super({ highWaterMark: HIGH_WATER_MARK })
    this.#reply = reply
    this.#trailers = trailers
    this.#resume = resume
    this.#abort = abort
    // Fastify listens once it sends; what fails before that, while a hook is still busy, must not be an uncaught error.
    this.on('error', () => {})
  }

  /** Fastify's last word on the headers: it has set them, and sends the body as it is. */
  override pipe<Sink extends NodeJS.WritableStream> (sink: Sink, options?: { end?: boolean }): Sink {
    const { raw } = this.#reply
    if (this.#trailers !== '' && sink as unknown === raw && !raw.headersSent && !raw.hasHeader('content-length') && !raw.hasHeader('transfer-encoding')) {
      raw.setHeader('trailer', this.#trailers)
      // Before anything can fail: Node throws when an answer that is not chunked has the field, and an error's is not.
      flushHeaders(raw)
    }
    return super.pipe(sink, options)
  }

  override _read (): void {
    if (!this.#flushed) this.#flush()
    this.#resume()
  }

  override _destroy (error: Error | null, callback: (error: Error | null) => void): void {
    this.#abort()
    callback(error)
  }

  /**
   * Node writes headers with the first piece of the body. When there is none yet (server-sent events may be minutes
   * away) the client gets them at once; but only when Fastify has set them, which it has not while a hook such as
   * compression reads the stream before it does.
   */
  #flush (): void {
    this.#flushed = true
    const { raw } = this.#reply
    if (this.readableLength > 0 || raw.headersSent || raw.getHeaderNames().length === 0) return
    flushHeaders(raw)
  }
}

/** Sends the headers ahead of the body. HTTP/1's own method writes them as UTF-8, and each byte above 0x7f as two. */
function flushHeaders (response: FastifyReply['raw']): void {
  if (response instanceof ServerResponse) response.write('', 'latin1')
  else (response as ServerResponse).flushHeaders()
}
