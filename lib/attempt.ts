import type { Duplex } from 'node:stream'
import { errors } from 'undici'
import { contentLength, hasUnknownCoding, isEventStream, rawValue } from './headers.js'
import { isRefused } from './errors.js'
import type { Carried, Connection } from './connection.js'
import type { Handler, Trailers } from './handler.js'
import type { AttemptStart } from './events.js'
import type { AttemptRecord, Outcome, Why } from './outcome.js'
import { noTimer, type Clock } from './clock.js'
import { Expiring, type Expiries } from './expiry.js'
import { retryAfter } from './retry-after.js'
import type { Target } from './target.js'

/**
 * The largest response, in bytes, that is collected before any of it is passed on. Collected, it costs one write
 * instead of a stream, and one that breaks off can still be asked for elsewhere. Larger ones, and those that do not
 * say how long they are, are passed on as they come.
 */
export const WHOLE_RESPONSE_LIMIT = 16 * 1024

/** What is above is no status (RFC 9110 §15), and no server can pass it on. */
const LAST_STATUS = 599

/** Milliseconds for which a target is drained that asks for it without saying for how long. */
const DRAIN_DEFAULT = 60_000

/** What is the same for every attempt of an exchange. Times in milliseconds, 0 is no limit. */
export interface AttemptSettings {
  readonly clock: Clock
  readonly expiries: Expiries
  /** Until the final response headers, from the pick of the target on. */
  readonly try: number
  /** Until the final response headers, from the end of the request on. */
  readonly headers: number
  /** Between two pieces of an answer. */
  readonly idle: number
  /** Field of an answer by which its target asks to be drained, in lower case; undefined when none is heeded. */
  readonly drainHeader: string | undefined
}

/** An outcome with an answer. */
export type Answered = Extract<Outcome, { kind: 'answered' }>

/** What an attempt reports to, and asks, the exchange that it belongs to. */
export interface AttemptOwner {
  readonly method: string
  readonly handler: Handler
  /** The lines of `request.attempts`; an attempt adds its own as soon as there is something to say. */
  readonly attempts: AttemptRecord[]
  /** When the request came, by the clock. */
  readonly begun: number
  /** The head of a final answer has come. */
  heard (attempt: Attempt, answer: Answered): void
  /** An answer is ready to be passed on, whole or from its headers on: true takes it, false gives it up. */
  accept (attempt: Attempt, answer: Answered): boolean
  /** The answer that is being passed on has no end in sight. */
  becameStream (): void
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
export class Attempt extends Expiring implements Handler, Carried {
  readonly target: Target
  /** The era of its target in which it was begun. */
  readonly era: number
  /** Set by the connection that is to send it. */
  connection: Connection | undefined
  /** 1 for the first one of its exchange. */
  readonly number: number
  readonly why: Why
  /** What observers were told when it began, while it is under way; undefined when there are none. */
  start: AttemptStart | undefined = undefined
  #owner: AttemptOwner
  readonly #settings: AttemptSettings
  readonly #settleTarget: (outcome: Outcome) => void
  readonly #started: number
  /** When it was written to a connection; -1 before. */
  #sentAt = -1
  #record: { -readonly [Key in keyof AttemptRecord]: AttemptRecord[Key] } | undefined
  #state: 'unsent' | 'sent' | 'answered' | 'settled' = 'unsent'
  #abort: ((reason?: Error) => void) | undefined
  /** A final head that is held back until its body is whole. */
  #held: Head | undefined
  /** What has come of its body. */
  #first: Buffer | undefined
  #more: Buffer[] | undefined
  /** The last byte of the request has been handed over. */
  #complete = false
  #answer: Answered | undefined
  /** Of `try`. */
  #cancelTry: () => void = noTimer
  #endStream: () => void = noTimer
  /** What had left of the request when its time was set; undefined when all of it had. */
  #progress: number | undefined
  /** The answer has no end in sight, and its pieces may be hours apart. */
  #endless = false
  /** The reader has asked to wait, and is to blame for the silence. */
  #paused = false

  constructor (target: Target, owner: AttemptOwner, settings: AttemptSettings, number: number, why: Why) {
    super()
    this.number = number
    this.why = why
    this.target = target
    this.era = target.standing.era
    this.#owner = owner
    this.#settings = settings
    this.#started = settings.clock.now()
    this.#settleTarget = target.begin()
    if (settings.try > 0) this.#cancelTry = settings.clock.after(settings.try, () => { this.#giveUp(new errors.HeadersTimeoutError()) })
  }

  /** Whether nothing more can come of it. */
  get over (): boolean { return this.#state === 'settled' }

  /** Whether a final answer has begun to come. */
  get answered (): boolean { return this.#answer !== undefined }

  /** Of its final answer; undefined while there is none. */
  get status (): number | undefined { return this.#answer?.status }

  /** Milliseconds since the pick of its target. */
  get age (): number { return this.#settings.clock.now() - this.#started }

  /** Gives the attempt up because nobody wants its answer any more. */
  cancel (error: Error, outrun = false): void {
    this.#settle(outrun ? { kind: 'aborted', error, outrun } : { kind: 'aborted', error })
    this.#abort?.(error)
  }

  onConnect (abort: (reason?: Error) => void): void {
    // Given up while it waited for a connection. Throwing, unlike `abort`, leaves the connection to others.
    if (this.#state === 'settled') throw new Error('given up before it was sent')
    this.#abort = abort
    this.#state = 'sent'
    this.#sentAt = this.#settings.clock.now()
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
    const answer = this.#heard(status, headers)
    this.#endless = isEventStream(headers)
    this.#watchBody()
    if (this.#isSmall(status, headers)) {
      this.#held = { status, headers, statusText }
      return true
    }
    if (!this.#owner.accept(this, answer)) {
      this.#settle(answer)
      this.#abort?.(new Error('answer given up for another attempt'))
      return true
    }
    this.#note(answer)
    if (this.#endless) this.#becomeStream()
    return this.#paced(this.#guarded(() => this.#owner.handler.onHeaders(status, headers, () => { this.#resume(resume) }, statusText)))
  }

  onData (chunk: Buffer): boolean {
    this.#watchBody()
    if (this.#held === undefined) return this.#passOn(chunk)
    if (this.#first === undefined) this.#first = chunk
    else (this.#more ??= []).push(chunk)
    return true
  }

  onComplete (trailers: Trailers): void {
    const head = this.#held
    if (head === undefined) {
      const { handler } = this.#owner
      if (this.#answer !== undefined) this.#settle(this.#answer)
      finish(handler, trailers)
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
    if (this.#state === 'unsent' && isRefused(error)) this.#settle({ kind: 'aborted', error })
    else if (this.#state === 'sent' && isLost(error) && this.connection?.stale === true) this.#settle({ kind: 'failed', error, stale: true })
    else this.#settle(this.#failure(error))
  }

  /** The connection now belongs to the caller; the attempt lasts until it closes. */
  onUpgrade (status: number, headers: Buffer[], socket: Duplex): void {
    this.#state = 'answered'
    const answer = this.#heard(status, headers)
    if (!this.#owner.accept(this, answer)) {
      this.#settle(answer)
      socket.destroy()
      return
    }
    this.#note(answer)
    this.#becomeStream()
    const end = this.#guarded(() => this.#owner.handler.onUpgrade?.(status, headers, socket))
    const release = this.target.hold(socket, typeof end === 'function' ? end : () => { socket.destroy() })
    socket.once('close', () => {
      release()
      this.#settle(answer)
    })
  }

  onBodySent (chunk: unknown): void {
    if (this.waits === undefined) this.#watchHead()
    const { handler } = this.#owner
    if (handler.onBodySent !== undefined) this.#guarded(() => handler.onBodySent?.(chunk))
  }

  onRequestSent (): void {
    this.#complete = true
    this.#watchHead()
    const { handler } = this.#owner
    if (handler.onRequestSent !== undefined) this.#guarded(() => handler.onRequestSent?.())
  }

  onResponseStarted (): void {
    const { handler } = this.#owner
    if (handler.onResponseStarted !== undefined) this.#guarded(() => handler.onResponseStarted?.())
  }

  /** In words of its own and not by `#guarded`: there may be many pieces. */
  #passOn (chunk: Buffer): boolean {
    try {
      return this.#paced(this.#owner.handler.onData(chunk))
    } catch (error) {
      this.#owner.abort(error as Error)
      return false
    }
  }

  /** @param goOn whether the reader is ready for more */
  #paced (goOn: boolean): boolean {
    this.#paused = !goOn
    if (this.#paused) this.inTime()
    return goOn
  }

  #resume (resume: () => void): void {
    if (this.#paused) {
      this.#paused = false
      this.#watchBody()
    }
    resume()
  }

  /** Takes down when the head of an answer came, and what it says of its target. */
  #heard (status: number, headers: Buffer[]): Answered {
    const { clock, drainHeader } = this.#settings
    this.#cancelTry()
    this.inTime()
    const latency = clock.now() - this.#started
    const drain = drainHeader === undefined ? undefined : rawValue(headers, drainHeader)
    let spare: number | undefined
    if (status === 429 || status === 503) {
      spare = retryAfter(rawValue(headers, 'retry-after'), clock.wall())
      if (status === 429) spare ??= 0
    }
    this.#answer = spare === undefined && drain === undefined
      ? { kind: 'answered', status, latency }
      : {
          kind: 'answered',
          status,
          latency,
          ...(spare === undefined ? undefined : { spare }),
          ...(drain === undefined ? undefined : { drain: /^\d{1,9}$/.test(drain) ? Number(drain) * 1000 : DRAIN_DEFAULT })
        }
    this.#owner.heard(this, this.#answer)
    return this.#answer
  }

  #becomeStream (): void {
    this.#endStream = this.target.stream()
    this.#owner.becameStream()
  }

  /**
   * Ends the attempt when no answer begins. It is waited for from the end of the request on, and before that only while the
   * target does not read: a client may take all the time that it needs.
   */
  #watchHead (): void {
    const { expiries, headers } = this.#settings
    if (headers === 0 || this.#state !== 'sent') return
    const { connection } = this
    // Asked for only where it may matter: it takes longer than all the rest.
    this.#progress = this.#complete && connection?.unwritten !== true ? undefined : connection?.progress
    expiries.set(this, headers)
  }

  /** The target may be silent for so long, unless it is not its turn. */
  #watchBody (): void {
    const { expiries, idle } = this.#settings
    if (idle > 0 && this.#state === 'answered' && !this.#endless && !this.#paused) expiries.set(this, idle)
  }

  /** The time of the phase that it is in is over. */
  override expired (): void {
    if (this.#answer !== undefined) {
      this.#giveUp(new errors.BodyTimeoutError())
      return
    }
    const { progress, unwritten = false } = this.connection ?? {}
    if (unwritten ? progress !== this.#progress : !this.#complete) this.#watchHead()
    else this.#giveUp(new errors.HeadersTimeoutError())
  }

  /** The target has taken too long. */
  #giveUp (error: Error): void {
    this.#settle(this.#failure(error))
    this.#abort?.(error)
  }

  /** What an error comes to, by how far the attempt has got. */
  #failure (error: Error): Outcome {
    if (this.#state === 'unsent') return { kind: 'unsent', error }
    return { kind: this.#state === 'sent' || this.#held !== undefined ? 'failed' : 'broken', error }
  }

  #isSmall (status: number, headers: Buffer[]): boolean {
    if (this.#owner.method === 'HEAD' || status === 204 || status === 304) return true
    const length = contentLength(headers)
    return length >= 0 && length <= WHOLE_RESPONSE_LIMIT
  }

  #passOnWhole (head: Head, trailers: Trailers): void {
    const answer = this.#answer
    if (answer === undefined) return
    const accepted = this.#owner.accept(this, answer)
    const { handler } = this.#owner
    const body = this.#first === undefined || this.#more === undefined ? this.#first : Buffer.concat([this.#first, ...this.#more])
    if (!accepted || handler.onWhole !== undefined) this.#settle(answer)
    if (!accepted) return
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
    this.#settle(answer)
    finish(handler, trailers)
  }

  #isSettled (): boolean {
    return this.#state === 'settled'
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

  #note (outcome: Outcome): void {
    const ms = outcome.kind === 'answered' ? outcome.latency : this.#settings.clock.now() - this.#started
    if (this.#record === undefined) {
      this.#record = { target: this.target.url, why: this.why, outcome: outcome.kind, ms, startedAt: this.#started - this.#owner.begun }
      if (this.#sentAt !== -1) this.#record.sentAfter = this.#sentAt - this.#started
      this.#owner.attempts.push(this.#record)
    }
    this.#record.outcome = outcome.kind
    if (outcome.kind === 'answered') this.#record.status = outcome.status
    else this.#record.error = outcome.error
  }

  #settle (outcome: Outcome): void {
    if (this.#state === 'settled') return
    this.#state = 'settled'
    this.#cancelTry()
    this.inTime()
    this.#endStream()
    this.#note(outcome)
    if (this.#record !== undefined) this.#record.endedAfter = this.age
    this.#settleTarget(outcome)
    const owner = this.#owner
    // undici holds on to its handlers for longer than it calls them: they must not keep all else of a request from being collected.
    this.#owner = NOBODY
    this.#held = this.#first = this.#more = undefined
    owner.settled(this, outcome)
    this.start = undefined
  }
}

/** Whom an attempt belongs to that is over. */
const NOBODY: AttemptOwner = {
  method: '',
  handler: { onConnect () {}, onHeaders: () => true, onData: () => true, onComplete () {}, onError () {} },
  attempts: [],
  begun: 0,
  heard () {},
  accept: () => false,
  becameStream () {},
  abort () {},
  settled () {}
}

/** The last call of a handler; there is nothing left to abort when it throws. */
function finish (handler: Handler, trailers: Trailers): void {
  try {
    handler.onComplete(trailers)
  } catch (error) {
    handler.onError(error as Error)
  }
}

/** Whether the connection itself ended, rather than what was on it being wrong. */
function isLost (error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}
