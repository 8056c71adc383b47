import { Readable } from 'node:stream'

/** A request body that several attempts may need. */
export interface RequestBody {
  /** Whether every byte can still be sent from the start. */
  readonly replayable: boolean
  /** Whether every byte is at hand now, so that two attempts can send it at the same time. */
  readonly complete: boolean
  /** What undici is to send for the next attempt. */
  open (): unknown
  /** Lets go of the source once the exchange is over. */
  release (): void
}

/**
 * Wraps what a caller gave as a body; streams are kept back up to `limit` bytes so that they can be sent again.
 *
 * @param failed told when a stream fails by itself: no target is to blame, and none could do better
 */
export function requestBody (body: unknown, limit: number, failed: (error: Error) => void = () => {}): RequestBody {
  if (body === null || body === undefined) return NONE
  if (isStream(body)) return new StreamedBody(body, limit, failed)
  // A generator, or a web stream: as a stream of ours it can be sent again, and its failure is told from a target's.
  if (isAsyncIterable(body)) return new StreamedBody(Readable.from(body), limit, failed, true)
  // Blobs and forms go to undici as they are: it takes from them only when it writes.
  const replayable = typeof body === 'string' || ArrayBuffer.isView(body)
  return { replayable, complete: replayable, open: () => body, release () {} }
}

const NONE: RequestBody = { replayable: true, complete: true, open: () => null, release () {} }

function isStream (body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && typeof (body as Readable).pipe === 'function' && typeof (body as Readable).on === 'function'
}

function isAsyncIterable (body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

/**
 * A stream that outlives the attempts that send it.
 *
 * undici destroys a body whose attempt fails, so each attempt gets a stream of its own and the source is only read
 * through it. Nothing is read before an attempt is on the wire: an attempt that never was leaves the source whole.
 * The first `limit` bytes are kept for a second attempt; a longer body can be sent only once.
 */
class StreamedBody implements RequestBody {
  readonly #source: Readable
  readonly #limit: number
  readonly #failed: (error: Error) => void
  /** Whether nobody else holds the source, so that it has to be ended here. */
  readonly #own: boolean
  #kept: Buffer[] = []
  #bytes = 0
  #attached = false
  #ended = false
  #error: Error | undefined
  #reader: BodyReader | undefined

  constructor (source: Readable, limit: number, failed: (error: Error) => void, own = false) {
    this.#source = source
    this.#limit = limit
    this.#failed = failed
    this.#own = own
    // Heard from the start: a source that fails before anyone reads it must not bring the process down.
    source.on('error', this.#onError)
  }

  get replayable (): boolean {
    return this.#bytes <= this.#limit
  }

  get complete (): boolean {
    return this.#ended && this.replayable
  }

  open (): Readable {
    if (this.#reader === undefined || this.#reader.started || this.#reader.destroyed) {
      // Nothing may come until the new one is read, even if the attempt before it has not let go of its own yet.
      if (this.#attached) this.#source.pause()
      this.#reader = new BodyReader(this)
    }
    return this.#reader
  }

  release (): void {
    this.#source.off('data', this.#onData)
    this.#source.off('end', this.#onEnd)
    this.#source.off('close', this.#onClose)
    this.#kept = []
    this.#reader?.leave()
    this.#reader = undefined
    // What is left of an upload that was answered early still has to leave the client's connection.
    if (this.#own) this.#source.destroy()
    else if (this.#attached && !this.#ended && !this.#source.destroyed) this.#source.resume()
  }

  /** First read of an attempt: everything kept, then the rest as it comes. */
  start (reader: BodyReader): void {
    for (const chunk of this.#kept) reader.push(chunk)
    if (this.#ended) reader.push(null)
    else if (this.#error !== undefined) reader.destroy(this.#error)
    else if (!this.#attached) this.#attach()
    else this.#source.resume()
  }

  resume (reader: BodyReader): void {
    if (this.#reader === reader) this.#source.resume()
  }

  /** The attempt is over; nothing more is read until the next one asks. */
  stop (reader: BodyReader): void {
    // Paused before it was ever read, a stream would not begin to flow.
    if (this.#reader === reader && this.#attached) this.#source.pause()
  }

  #attach (): void {
    this.#attached = true
    if (this.#source.readableEnded) {
      this.#onEnd()
    } else if (this.#source.destroyed) {
      this.#onClose()
    } else {
      this.#source.on('data', this.#onData)
      this.#source.on('end', this.#onEnd)
      this.#source.on('close', this.#onClose)
      // Somebody has paused it on purpose: that it is listened to does not make it flow.
      if (this.#source.isPaused()) this.#source.resume()
    }
  }

  readonly #onData = (chunk: Buffer | string): void => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    this.#bytes += bytes.length
    if (this.#bytes <= this.#limit) this.#kept.push(bytes)
    else this.#kept = []
    if (this.#reader?.push(bytes) !== true) this.#source.pause()
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    if (this.#reader?.started === true) this.#reader.push(null)
  }

  readonly #onError = (error: Error): void => {
    this.#error = error
    this.#failed(error)
    this.#reader?.destroy(error)
  }

  readonly #onClose = (): void => {
    if (!this.#ended && this.#error === undefined) this.#onError(this.#source.errored ?? new Error('the request body ended early'))
  }
}

/** One attempt's view of a streamed body. */
class BodyReader extends Readable {
  /** undefined once it is over: whoever still holds the reader does not hold the request. */
  #body: StreamedBody | undefined
  started = false

  constructor (body: StreamedBody) {
    super()
    this.#body = body
    // undici listens only while it sends; a source that fails between two attempts must not be an uncaught error.
    this.on('error', () => {})
  }

  /** Nothing more is to be read: undici may keep the reader of an attempt that was given up until there is a connection. */
  leave (): void {
    this.#body = undefined
  }

  override _read (): void {
    if (this.started) {
      this.#body?.resume(this)
    } else {
      this.started = true
      this.#body?.start(this)
    }
  }

  override _destroy (error: Error | null, callback: (error: Error | null) => void): void {
    this.#body?.stop(this)
    this.#body = undefined
    callback(error)
  }
}
