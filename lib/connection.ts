import type { Socket } from 'node:net'
import { Client, errors, type buildConnector, type Dispatcher } from 'undici'
import type { Clock } from './clock.js'
import { Interim } from './interim.js'

/** How long, in milliseconds, an answer that came before a failed write is waited for. It is in the system's buffers or nowhere. */
const LAST_ANSWER_TIMEOUT = 1000

/**
 * How soon, in milliseconds, a server that had let go of an idle connection shows it: the reset is one round trip away. What fails
 * later has been read by somebody.
 */
const STALE_TIMEOUT = 1000

/** A handler that tells its connection when its request begins. */
export interface Carried {
  /** Set before the request waits for its turn; `begin` is to be called in `onConnect`. */
  connection?: Connection | undefined
  /** Whether nothing more can come of it. */
  readonly over?: boolean
}

/** What undici's pool makes a connection with. */
export type ConnectionOptions = Client.Options & { readonly connect: buildConnector.connector }

/** The callback that a stream is given with each write. */
type Written = (error?: Error | null) => void

/** One connection of a pool of undici's, and what undici does not do for it. */
export class Connection extends Client {
  #wire: Wire | undefined
  /** What `stale` was when the socket went. */
  #wasStale = false

  constructor (origin: string | URL, options: ConnectionOptions, clock: Clock) {
    const { connect, ...rest } = options
    super(origin, {
      ...rest,
      connect: (connectOptions: buildConnector.Options, callback: buildConnector.Callback) => {
        connect(connectOptions, (...result) => {
          const [, socket] = result
          if (socket !== null) this.#wire = new Wire(socket, clock, () => this.stats.running === 0)
          callback(...result)
        })
      }
    })
    this.on('disconnect', () => {
      this.#wasStale = this.#wire?.stale === true
      this.#wire?.release()
      this.#wire = undefined
    })
  }

  /** Whether the request that was begun last is not the first one on its socket. */
  get reused (): boolean { return this.#wire?.reused === true }

  /** Whether that request has been written to a socket that had been idle, only just, and not a byte has come back. */
  get stale (): boolean { return this.#wire?.stale ?? this.#wasStale }

  /** Bytes that have left, or nearly so; only how it grows means anything. */
  get progress (): number { return this.#wire?.progress ?? 0 }

  /** Whether some of what was written waits to leave. */
  get unwritten (): boolean { return this.#wire?.unwritten === true }

  /** A request is about to be written. */
  begin (): void {
    this.#wasStale = false
    this.#wire?.begin()
  }

  /** Lets go of a socket that carries nothing: the next request gets a new one. */
  dropIdle (): void {
    if (this.stats.size === 0) this.#wire?.drop()
  }

  /**
   * undici's pool takes a client which turned a request down (a field that it will not write) for a busy one, and waits for
   * a `drain` that never comes: each such request would cost a connection for good. An empty client is not busy.
   */
  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    (handler as Carried).connection = this
    // Answered before it was written to its end, a request would have the next one wait for a server that reads no more.
    if (this.#wire?.unwritten === true && this.stats.size === 0) this.#wire.drop()
    return super.dispatch(options, handler) || ((handler as Carried).over === true && this.stats.size === 0 && !this.closed && !this.destroyed)
  }
}

/**
 * A socket that undici can read an answer from in spite of what else happens on it.
 *
 * - `100 Continue`, which undici ends the connection for, is left out.
 * - A write that fails, or a reset, does not take with it what came before: a server that answers an upload early and closes
 *   sends its answer and then a reset. What was received is read to its end, and if there is no answer in it, the error stands.
 * - What is wrong with a socket that carries no request is not the fault of the one that waits for it: undici would fail it,
 *   and is told in a way that makes it connect anew.
 */
class Wire {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #isIdle: () => boolean
  readonly #interim = new Interim()
  /** When the latest request began; undefined before the first one. */
  #begun: number | undefined
  #writeError: Error | undefined
  #readError: Error | undefined
  /** The callback of the write under way; a stream has one at a time. */
  #written: Written = () => {}
  /** What is written is dropped. */
  #draining = false
  #cancelTimer: () => void = () => {}
  reused = false

  constructor (socket: Socket, clock: Clock, isIdle: () => boolean) {
    this.#socket = socket
    this.#clock = clock
    this.#isIdle = isIdle
    const { read, destroy, _write: write, _writev: writev } = socket
    socket.read = size => this.#read(read.call(socket, size) as Buffer | null)
    socket.destroy = error => this.#destroy(destroy, error)
    socket._write = (chunk, encoding, written: Written) => { if (this.#mayWrite(written)) write.call(socket, chunk, encoding, this.#onWritten) }
    // A stream that has none says null, whatever its type says.
    if (typeof writev === 'function') socket._writev = (chunks, written: Written) => { if (this.#mayWrite(written)) writev.call(socket, chunks, this.#onWritten) }
    socket.on('end', this.#onEnd)
  }

  /** Whether some of what was written has not left, or never will. */
  get unwritten (): boolean { return this.#writeError !== undefined || this.#socket.writableLength > 0 }

  /** What is in the queue of the system's library counts as written for Node. */
  get progress (): number {
    const { writeQueueSize = 0 } = (this.#socket as { _handle?: { writeQueueSize?: number } | null })._handle ?? {}
    return this.#socket.bytesWritten - this.#socket.writableLength - writeQueueSize
  }

  /** See `Connection`. */
  get stale (): boolean {
    return this.reused && this.#interim.silent && this.#begun !== undefined && this.#clock.now() - this.#begun < STALE_TIMEOUT
  }

  /** Called for each request, right before it is written. */
  begin (): void {
    this.reused = this.#begun !== undefined
    this.#begun = this.#clock.now()
    this.#interim.begin()
  }

  /** Makes undici connect anew for the next request. */
  drop (): void {
    this.#socket.destroy(new errors.InformationalError('reset'))
  }

  /** Gives the socket back as it was: it is closed, or upgraded and somebody else's. */
  release (): void {
    this.#cancelTimer()
    const socket = this.#socket as Partial<Socket>
    delete socket.read
    delete socket.destroy
    delete socket._write
    delete socket._writev
    this.#socket.off('end', this.#onEnd)
  }

  #read (chunk: Buffer | null): Buffer | null {
    // What came before a reset has been read, and is parsed first.
    if (this.#readError !== undefined && this.#socket.readableLength === 0) {
      process.nextTick((error: Error) => { this.#socket.destroy(error) }, this.#readError)
    }
    if (chunk === null || this.#interim.passing) return chunk
    try {
      return this.#interim.take(chunk)
    } catch (error) {
      this.#socket.destroy(error as Error)
      return null
    }
  }

  /** After a failed write, writes wait as if the server were slow, which keeps the client from sending more than is needed. */
  #mayWrite (written: Written): boolean {
    this.#written = written
    if (this.#writeError === undefined) return true
    if (this.#draining) written()
    return false
  }

  readonly #onWritten: Written = error => {
    if (!isReset(error)) {
      this.#written(error)
      return
    }
    this.#writeError = error
    this.#cancelTimer = this.#clock.after(LAST_ANSWER_TIMEOUT, () => {
      if (!this.#interim.passing) {
        this.#socket.destroy(error)
        return
      }
      // The answer takes its time because the client does: it may want to send everything before it reads.
      this.#draining = true
      this.#written()
    })
  }

  readonly #onEnd = (): void => {
    const error = this.#interim.passing ? undefined : this.#writeError
    if (error !== undefined) this.#socket.destroy(error)
  }

  #destroy (destroy: Socket['destroy'], error: Error | undefined): Socket {
    const socket = this.#socket
    const reset = isReset(error) && error.syscall === 'read'
    if (reset && socket.readableLength > 0) {
      this.#readError = error
      return socket
    }
    // undici takes a reset for the end of an answer that has no other; in the middle of one, it is no end.
    const renamed = error !== undefined && !isHarmless(error) && (this.#isIdle() || (reset && this.#interim.passing))
    return destroy.call(socket, renamed ? Object.assign(new errors.SocketError(error.message), { cause: error }) : error)
  }
}

function isReset (error: Error | null | undefined): error is NodeJS.ErrnoException {
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code
  return code === 'ECONNRESET' || code === 'EPIPE'
}

/** Whether undici keeps requests that wait for the connection when it ends like this. */
function isHarmless (error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'UND_ERR_INFO' || code === 'UND_ERR_SOCKET'
}
