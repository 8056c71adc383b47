import type { Duplex } from 'node:stream'
import { errors } from 'undici'
import { contentLength, hasUnknownCoding, isEventStream } from './headers.js'
import { isRefused } from './errors.js'
import type { Carried, Connection } from './connection.js'
import type { Handler, Trailers } from './handler.js'
import type { AttemptRecord, Outcome } from './outcome.js'
import type { Clock } from './clock.js'
import type { Target } from './target.js'

/**
 * The largest response, in bytes, that is collected before any of it is passed on. Collected, it costs one write
 * instead of a stream, and one that breaks off can still be asked for elsewhere. Larger ones, and those that do not
 * say how long they are, are passed on as they come.
 */
export const WHOLE_RESPONSE_LIMIT = 16 * 1024

/** What is above is no status (RFC 9110 §15), and no server can pass it on. */
const LAST_STATUS = 599

/** What an attempt reports to, and asks, the exchange that it belongs to. */
export interface AttemptOwner {
  readonly method: string
  readonly handler: Handler
  /** The lines of `request.attempts`; an attempt adds its own as soon as there is something to say. */
  readonly attempts: AttemptRecord[]
  /** An answer is ready to be passed on, whole or from its headers on: true takes it, false gives it up. */
  accept (status: number, latency: number): boolean
  /** The handler can not go on. */
  abort (error: Error): void
  /** The attempt is over, `outcome` says how. Called once. */
  settled (attempt: Attempt, outcome: Outcome): void
}

interface Head {
  readonly status: number
  readonly headers: Buffer[]
  readonly statusText: string
}

/**
 * One send of a request to one target: unsent → sent → answered, settled exactly once.
 *
 * undici calls `onConnect` right before it writes and never for a connection that was not made, which makes
 * "never on the wire" a fact instead of a guess from an error code.
 */
export class Attempt implements Handler, Carried {
  readonly target: Target
  /** Set by the connection that is to send it. */
  connection: Connection | undefined
  readonly #owner: AttemptOwner
  readonly #clock: Clock
  readonly #settleTarget: (outcome: Outcome) => void
  readonly #started: number
  /** Milliseconds of silence that end an answer; 0 is no limit. */
  readonly #idle: number
  #record: { -readonly [Key in keyof AttemptRecord]: AttemptRecord[Key] } | undefined
  #state: 'unsent' | 'sent' | 'answered' | 'settled' = 'unsent'
  #abort: ((reason?: Error) => void) | undefined
  /** A final head that is held back until its body is whole. */
  #held: Head | undefined
  #chunks: Buffer[] = []
  #status = 0
  #latency = 0
  #cancelTimer: () => void = () => {}
  /** When the last piece came. */
  #active = 0
  /** The reader has asked to wait, and is to blame for the silence. */
  #paused = false

  constructor (target: Target, owner: AttemptOwner, clock: Clock, idle: number) {
    this.#idle = idle
    this.target = target
    this.#owner = owner
    this.#clock = clock
    this.#started = clock.now()
    this.#settleTarget = target.begin()
  }

  /** Gives the attempt up because nobody wants its answer any more. */
  cancel (error: Error): void {
    this.#settle({ kind: 'aborted', error })
    this.#abort?.(error)
  }

  onConnect (abort: (reason?: Error) => void): void {
    // Given up while it waited for a connection. Throwing, unlike `abort`, leaves the connection to others.
    if (this.#state === 'settled') throw new Error('given up before it was sent')
    this.#abort = abort
    this.#state = 'sent'
    this.connection?.begin()
  }

  onHeaders (status: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    if (status < 200) return this.#guarded(() => this.#owner.handler.onHeaders(status, headers, resume, statusText))
    if (status > LAST_STATUS || hasUnknownCoding(headers)) {
      const error = new Error(status > LAST_STATUS ? `status ${status}` : 'a transfer coding other than chunked')
      this.#settle({ kind: 'failed', error })
      this.#abort?.(error)
      return true
    }
    this.#state = 'answered'
    this.#status = status
    this.#active = this.#clock.now()
    this.#latency = this.#active - this.#started
    // Events may be hours apart.
    if (this.#idle > 0 && !isEventStream(headers)) this.#watch(this.#idle)
    if (this.#isSmall(status, headers)) {
      this.#held = { status, headers, statusText }
      return true
    }
    if (!this.#owner.accept(status, this.#latency)) {
      this.#settle(this.#answered())
      this.#abort?.(new Error('answer given up for another attempt'))
      return true
    }
    this.#note({ kind: 'answered', status, latency: this.#latency })
    return this.#paced(() => this.#owner.handler.onHeaders(status, headers, () => { this.#resume(resume) }, statusText))
  }

  onData (chunk: Buffer): boolean {
    this.#active = this.#clock.now()
    if (this.#held === undefined) return this.#paced(() => this.#owner.handler.onData(chunk))
    this.#chunks.push(chunk)
    return true
  }

  onComplete (trailers: Trailers): void {
    const head = this.#held
    if (head === undefined) {
      this.#settle(this.#answered())
      this.#finish(trailers)
    } else {
      this.#passOnWhole(head, trailers)
    }
  }

  onError (error: Error): void {
    if (this.#state === 'settled') return
    if (this.#held?.status === 304 && (error as NodeJS.ErrnoException).code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
      // A 304 may announce the length of the body that it does not carry (RFC 9110 §15.4.5); undici takes it for a cut.
      this.#passOnWhole(this.#held, [])
      return
    }
    if (this.#state === 'unsent') this.#settle({ kind: isRefused(error) ? 'aborted' : 'unsent', error })
    else if (this.#state === 'sent' || this.#held !== undefined) this.#settle({ kind: 'failed', error })
    else this.#settle({ kind: 'broken', error })
  }

  /** The connection now belongs to the caller; the attempt lasts until it closes. */
  onUpgrade (status: number, headers: Buffer[], socket: Duplex): void {
    this.#status = status
    this.#latency = this.#clock.now() - this.#started
    this.#state = 'answered'
    this.#owner.accept(status, this.#latency)
    this.#note({ kind: 'answered', status, latency: this.#latency })
    const end = this.#guarded(() => this.#owner.handler.onUpgrade?.(status, headers, socket))
    const release = this.target.hold(socket, typeof end === 'function' ? end : () => { socket.destroy() })
    socket.once('close', () => {
      release()
      this.#settle(this.#answered())
    })
  }

  onBodySent (chunk: unknown): void {
    const { handler } = this.#owner
    if (handler.onBodySent !== undefined) this.#guarded(() => handler.onBodySent?.(chunk))
  }

  onRequestSent (): void {
    const { handler } = this.#owner
    if (handler.onRequestSent !== undefined) this.#guarded(() => handler.onRequestSent?.())
  }

  onResponseStarted (): void {
    const { handler } = this.#owner
    if (handler.onResponseStarted !== undefined) this.#guarded(() => handler.onResponseStarted?.())
  }

  #paced (call: () => boolean): boolean {
    const goOn = this.#guarded(call)
    this.#paused = !goOn
    return goOn
  }

  #resume (resume: () => void): void {
    if (this.#paused) {
      this.#paused = false
      this.#active = this.#clock.now()
    }
    resume()
  }

  #watch (ms: number): void {
    this.#cancelTimer = this.#clock.after(ms, () => {
      const quiet = this.#paused ? 0 : this.#clock.now() - this.#active
      if (quiet < this.#idle) {
        this.#watch(this.#idle - quiet)
        return
      }
      const error = new errors.BodyTimeoutError()
      this.#settle({ kind: this.#held === undefined ? 'broken' : 'failed', error })
      this.#abort?.(error)
    })
  }

  #isSmall (status: number, headers: Buffer[]): boolean {
    if (this.#owner.method === 'HEAD' || status === 204 || status === 304) return true
    const length = contentLength(headers)
    return length >= 0 && length <= WHOLE_RESPONSE_LIMIT
  }

  #passOnWhole (head: Head, trailers: Trailers): void {
    const accepted = this.#owner.accept(head.status, this.#latency)
    const { handler } = this.#owner
    if (!accepted || handler.onWhole !== undefined) this.#settle(this.#answered())
    if (!accepted) return
    const [chunk, ...more] = this.#chunks
    const body = chunk === undefined || more.length === 0 ? chunk : Buffer.concat(this.#chunks)
    if (handler.onWhole !== undefined) {
      try {
        handler.onWhole(head.status, head.headers, body, trailers, head.statusText)
      } catch (error) {
        handler.onError(error as Error)
      }
      return
    }
    // Nothing is left to pause: what a full handler asks for here is already in memory. It may still abort.
    this.#guarded(() => handler.onHeaders(head.status, head.headers, () => {}, head.statusText))
    if (body !== undefined && !this.#isSettled()) this.#guarded(() => handler.onData(body))
    if (this.#isSettled()) return
    this.#settle(this.#answered())
    this.#finish(trailers)
  }

  #isSettled (): boolean {
    return this.#state === 'settled'
  }

  /** The last call of a handler; there is nothing left to abort when it throws. */
  #finish (trailers: Trailers): void {
    const { handler } = this.#owner
    try {
      handler.onComplete(trailers)
    } catch (error) {
      handler.onError(error as Error)
    }
  }

  /** A handler that throws has itself to blame, not the target. */
  #guarded<T> (call: () => T): T | false {
    try {
      return call()
    } catch (error) {
      this.#owner.abort(error as Error)
      return false
    }
  }

  #answered (): Outcome {
    return { kind: 'answered', status: this.#status, latency: this.#latency }
  }

  #note (outcome: Outcome): void {
    const ms = outcome.kind === 'answered' ? outcome.latency : this.#clock.now() - this.#started
    if (this.#record === undefined) {
      this.#record = { target: this.target.url, outcome: outcome.kind, ms }
      this.#owner.attempts.push(this.#record)
    }
    this.#record.outcome = outcome.kind
    if (outcome.kind === 'answered') this.#record.status = outcome.status
    else this.#record.error = outcome.error
  }

  #settle (outcome: Outcome): void {
    if (this.#state === 'settled') return
    this.#state = 'settled'
    this.#cancelTimer()
    this.#note(outcome)
    this.#settleTarget(outcome)
    this.#owner.settled(this, outcome)
  }
}
