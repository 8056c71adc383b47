import type { Dispatcher } from 'undici'
import type { Admission, Entrant } from './admission.js'
import type { Belonging } from './affinity.js'
import { Attempt, type Answered, type AttemptOwner, type AttemptSettings } from './attempt.js'
import { requestBody, type RequestBody } from './body.js'
import type { RetryBudget } from './budget.js'
import { Link } from './chain.js'
import { noTimer, type Clock } from './clock.js'
import type { PoolCounters } from './counters.js'
import { formatDeadline } from './deadline.js'
import { DeadlineError, NoTargetError, toGatewayError, TooManyStreamsError } from './errors.js'
import { reasonOf, withoutQuery, type EndListener, type ExchangeEnd, type ReasonCode } from './events.js'
import type { Handler } from './handler.js'
import { flatHeaders, hasHeader, headerValue, withHeader, type RequestHeaders } from './headers.js'
import type { Hedge } from './hedge.js'
import type { AttemptRecord, Outcome, Why } from './outcome.js'
import { backoff, type Retry, type Sent } from './retry.js'
import type { Choice, Selection } from './selection.js'
import type { Send, Target } from './target.js'

/** One client request as a pool takes it: undici's options and what only the pool understands. */
export interface ExchangeOptions extends Dispatcher.DispatchOptions {
  /** What the `hash` policy goes by. */
  readonly key?: string | undefined
  /** Filled with one line per attempt as the exchange runs. */
  readonly attempts?: AttemptRecord[] | undefined
  /** Milliseconds for everything, from now to the end of the answer; 0 is no limit. Default: the pool's `timeouts.total`. */
  readonly timeout?: number | undefined
  /** Who leaves the queue first: higher before lower. Default: 0. */
  readonly importance?: number | undefined
  /** Finds the target that the client belongs to. */
  readonly stick?: Belonging | undefined
  /** Tells each target how much time is left, in a field of this name and the notation of `like`. */
  readonly tellDeadline?: { readonly name: string, readonly like: string } | undefined
  /** The FastifyRequest that is forwarded, for observers. */
  readonly request?: unknown
  /** Told how it ended, before the handler is. */
  readonly listener?: EndListener | undefined
}

export interface RetrySettings {
  /** Which requests may be sent again after what. */
  readonly rule: Retry
  /** Further attempts after the first; 0 means none. */
  readonly max: number
  /** Milliseconds before the first further attempt at the most; doubles with each. Nothing that was never sent waits. */
  readonly backoff: { readonly base: number, readonly max: number }
  /** Milliseconds of a `Retry-After` that are waited for to ask the same target again when there is no other. */
  readonly retryAfter: number
  /** Bytes of a streamed body that are kept for a further attempt. */
  readonly replayBytes: number
  /** Limits what is sent more than once; undefined does not. */
  readonly budget: RetryBudget | undefined
}

/** What an exchange needs of its pool. */
export interface ExchangeSettings extends AttemptSettings {
  readonly clock: Clock
  readonly retry: RetrySettings
  /** Milliseconds for everything; 0 is no limit. */
  readonly total: number
  readonly hedge: Hedge | undefined
  readonly selection: Pick<Selection, 'choose' | 'hasUntried'>
  readonly admission: Pick<Admission, 'enter' | 'giveUp' | 'leave' | 'becomesStream'>
  readonly counters: PoolCounters
  /** An attempt begins. Returns header fields to set on it; undefined for none. */
  attempted (attempt: Attempt, exchange: Exchange): Readonly<Record<string, string>> | undefined
  heard (target: Target, answer: Answered): void
  settled (attempt: Attempt, outcome: Outcome): void
  /** The exchange is over, and `error` says why when it has not been answered to the end. */
  ended (exchange: Exchange, error: Error | undefined): void
}

/**
 * One request: waits to be let in, picks a target, sends, and decides about the next one until there is an answer to pass on.
 *
 * waiting → deciding → passing → over. While it decides, the handler has heard nothing but `onConnect`, so every failure can
 * still be mended elsewhere. Once it passes an answer on, the attempt that brought it is the last one.
 */
export class Exchange extends Link implements AttemptOwner, Sent, Entrant, Choice {
  readonly method: string
  readonly handler: Handler
  readonly attempts: AttemptRecord[]
  readonly importance: number
  readonly begun: number
  readonly #settings: ExchangeSettings
  readonly #options: ExchangeOptions
  readonly #headers: RequestHeaders
  readonly #attemptSettings: AttemptSettings
  readonly #body: RequestBody
  /** When everything has to be over, by the clock; Infinity without a limit. */
  #deadline = Infinity
  #cancelDeadline: () => void = noTimer
  /** Counted as a stream and not as a request. */
  #stream: boolean
  /** What is being passed on has no end in sight. */
  #endless = false
  /** Has a place that is to be given back. */
  #admitted = false
  /** When it was let in after it had waited; -1 when it has not waited, and until then. */
  #admittedAt = -1
  #queued = false
  /** Attempts begun. */
  #sends = 0
  /** Why the next one is made. */
  #why: Why = 'first'
  /** Given up by whoever asked. */
  #left = false
  readonly #tried: Target[] = []
  /** Under way, and asked before the other one. */
  #first: Attempt | undefined
  /** Under way as well, while it hedges. */
  #second: Attempt | undefined
  /** The one whose answer is passed on. */
  #winner: Attempt | undefined
  /** Further attempts so far, without hedges and those for stale connections. */
  #moves = 0
  #staleMoves = 0
  /** Milliseconds before the next one. */
  #delay = 0
  /** A target has been asked a second time after its `Retry-After`, which is done once. */
  #askedAgain = false
  /** A connection was found closed: others that idle are not to be relied on. */
  #distrustsIdle = false
  #cancelRetry: () => void = noTimer
  #cancelHedge: () => void = noTimer
  #phase: 'waiting' | 'deciding' | 'passing' | 'over' = 'waiting'

  constructor (settings: ExchangeSettings, options: ExchangeOptions, handler: Handler) {
    super()
    const { headersTimeout, bodyTimeout } = options
    this.method = options.method
    this.handler = handler
    this.begun = settings.clock.now()
    this.attempts = options.attempts ?? []
    this.importance = options.importance ?? 0
    this.#settings = settings
    this.#options = options
    this.#headers = flatHeaders(options.headers)
    this.#attemptSettings = typeof headersTimeout === 'number' || typeof bodyTimeout === 'number'
      ? { ...attemptSettings(settings), headers: headersTimeout ?? settings.headers, idle: bodyTimeout ?? settings.idle }
      : settings
    this.#stream = options.upgrade !== undefined && options.upgrade !== null ? true : acceptsEvents(this.#headers)
    this.#body = requestBody(options.body, settings.retry.replayBytes, error => { this.#leave(error) })
  }

  /** The FastifyRequest that is forwarded, if it is one. */
  get request (): unknown { return this.#options.request }

  /** Who wants to know how it ended. */
  get listener (): EndListener | undefined { return this.#options.listener }

  /** What is asked for, without the query. */
  get path (): string { return withoutQuery(this.#options.path) }

  /** Looked for only when somebody asks: most requests end well. */
  get idempotencyKey (): boolean { return hasHeader(this.#headers, 'idempotency-key') }

  /** What the policy goes by. */
  get key (): string | undefined { return this.#options.key }

  get attempt (): number { return this.#tried.length }

  get stick (): Belonging | undefined { return this.#options.stick }

  get stream (): boolean { return this.#stream }

  get replayable (): boolean { return this.#body.replayable }

  /** Whether what is being passed on has no end in sight. */
  get endless (): boolean { return this.#endless && this.#phase === 'passing' }

  /** Whether its connection has been upgraded: what becomes of that is its target's business. */
  get upgraded (): boolean { return this.endless && typeof this.#options.upgrade === 'string' }

  /** Whether the answer that is being passed on comes from this target. */
  isFrom (target: Target): boolean { return this.#winner?.target === target }

  start (): void {
    const { clock, counters, retry, admission, total } = this.#settings
    counters.requests++
    try {
      this.handler.onConnect(error => { this.#leave(error) })
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    if (this.#isOver()) return
    const time = this.#options.timeout ?? total
    if (time > 0) {
      this.#deadline = this.begun + time
      this.#cancelDeadline = clock.after(time, () => { this.abort(DeadlineError()) })
    }
    retry.budget?.deposit()
    admission.enter(this, this.#stream)
    if (this.#phase === 'waiting') this.#queued = true
  }

  admitted (): void {
    this.#admitted = true
    if (this.#queued) this.#admittedAt = this.#settings.clock.now()
    this.#phase = 'deciding'
    this.#next(undefined)
    this.#armHedge()
  }

  turnedAway (error: Error): void {
    if (!this.#isOver()) this.#fail(error)
  }

  /** Whoever asked has gone, or there is no time left: whatever is under way is given up, and no target is blamed for it. */
  abort (reason?: Error): void {
    if (this.#isOver()) return
    const error = reason ?? new DOMException('The request was aborted', 'AbortError')
    this.#end(error)
    this.handler.onError(error)
  }

  /** Whoever asked has gone. */
  #leave (reason?: Error): void {
    this.#left = true
    this.abort(reason)
  }

  /** Ends the stream that is being passed on in good order, as if the target had. */
  finish (): void {
    if (!this.endless || this.upgraded) return
    this.#end(undefined, new Error('the stream was ended by the gateway'))
    this.handler.onComplete([])
  }

  /** What is told of it when it is over. */
  summary (pool: string, error: Error | undefined): ExchangeEnd {
    const { begun } = this
    const ms = this.#settings.clock.now() - begun
    const winner = this.#winner
    const code: ReasonCode = error === undefined ? (this.#savedBy(winner) ? 'answered_elsewhere' : 'answered') : this.#left ? 'client_gone' : reasonOf(error)
    return {
      pool,
      request: this.request,
      method: this.method,
      path: this.path,
      status: code === 'client_gone' ? 499 : winner?.status ?? (error as { statusCode?: number } | undefined)?.statusCode,
      code,
      error,
      ms,
      waited: this.#admittedAt !== -1 ? this.#admittedAt - begun : this.#queued ? ms : 0,
      target: winner?.target.url,
      attempts: this.attempts
    }
  }

  /** Whether the request would have gone wrong without its further attempts. */
  #savedBy (winner: Attempt | undefined): boolean {
    return winner?.status !== undefined && winner.number > 1 && winner.status < 500
  }

  heard (attempt: Attempt, answer: Answered): void {
    this.#settings.heard(attempt.target, answer)
  }

  accept (attempt: Attempt, answer: Answered): boolean {
    if (this.#phase !== 'deciding') return false
    // Another target is still being asked, and may do better.
    if (this.#second !== undefined && this.#mayRepeat(answer)) return false
    // Nobody else to ask, or nothing to gain by it: what came is passed on, even if it is an error.
    if (this.#decideToMoveOn(attempt.target, answer) || this.#isOver()) return false
    this.#phase = 'passing'
    this.#winner = attempt
    const { counters } = this.#settings
    if (this.#savedBy(attempt)) counters.answeredElsewhere++
    if (attempt.why === 'hedge') counters.hedgesWon++
    this.#cancelHedge()
    const first = this.#first
    const other = first === attempt ? this.#second : first
    if (other === undefined) return true
    // Were the slowest not to count, the percentile would sink with every hedge that pays off.
    if (other === first) this.#settings.hedge?.answered(other.age)
    // Only who was asked earlier has been outrun.
    other.cancel(new Error('another target answered first'), other === first && !other.answered)
    return true
  }

  becameStream (): void {
    this.#cancelDeadline()
    this.#endless = true
    const expected = this.#stream
    this.#stream = true
    this.#settings.admission.becomesStream(expected)
  }

  settled (attempt: Attempt, outcome: Outcome): void {
    this.#settings.settled(attempt, outcome)
    if (attempt === this.#second) {
      this.#second = undefined
    } else if (attempt === this.#first) {
      this.#first = this.#second
      this.#second = undefined
    }
    if (this.#isOver()) return
    if (this.#phase === 'passing') {
      if (attempt !== this.#winner) return
      if (outcome.kind === 'answered') this.#end(undefined)
      else this.#fail(toGatewayError(outcome))
      return
    }
    // The other one of a hedged pair goes on.
    if (this.#first !== undefined) return
    if (outcome.kind === 'failed' && outcome.stale === true) this.#distrustsIdle = true
    // An answer that was not passed on was given up for another target.
    if (outcome.kind === 'answered' || this.#decideToMoveOn(attempt.target, outcome)) this.#moveOn(outcome)
    else if (!this.#isOver()) this.#fail(toGatewayError(outcome))
  }

  /** Whether the rule has the request sent again. No rule can bring back what has been read of a body and is not at hand any more. */
  #mayRepeat (outcome: Outcome): boolean {
    if (outcome.kind !== 'unsent' && !this.#body.replayable) return false
    try {
      return this.#settings.retry.rule(outcome, this)
    } catch (error) {
      // This may run in a timer, or in a callback of a connection, where nobody else would catch it.
      this.abort(error as Error)
      return false
    }
  }

  /** Whether a further attempt is made after `outcome`. It is paid for here, and has to be made when the answer is yes. */
  #decideToMoveOn (target: Target, outcome: Outcome): boolean {
    const { clock, counters, retry, selection } = this.#settings
    const stale = outcome.kind === 'failed' && outcome.stale === true
    // A stale connection has reached nobody, and is no attempt that a target should have answered.
    const used = stale ? this.#staleMoves >= STALE_LIMIT || retry.max === 0 : this.#moves >= retry.max
    if (used || !this.#mayRepeat(outcome)) return false
    let delay = outcome.kind === 'unsent' || stale ? 0 : backoff(this.#moves + 1, retry.backoff, clock.random())
    let again = false
    if (!selection.hasUntried(this.#tried, outcome.kind !== 'answered', this.#stream)) {
      const spare = outcome.kind === 'answered' ? outcome.spare ?? 0 : 0
      if (!stale && (this.#askedAgain || spare === 0 || spare > retry.retryAfter)) return false
      if (!stale) delay = spare
      again = true
    }
    if (clock.now() + delay >= this.#deadline) return false
    // What was never sent, or reached nobody, is no more load for anyone than a request that is sent once.
    if (outcome.kind !== 'unsent' && !stale && retry.budget?.withdraw() === false) {
      counters.budgetRefused++
      return false
    }
    if (again) {
      if (!stale) this.#askedAgain = true
      this.#tried.splice(this.#tried.indexOf(target), 1)
    }
    if (stale) {
      this.#staleMoves++
      counters.stale++
    } else {
      this.#moves++
      counters.retries++
    }
    this.#why = stale ? 'stale' : again ? 'spare' : 'retry'
    this.#delay = delay
    return true
  }

  /** In a task of its own: this runs inside the callback of a connection, and undici can not be entered twice. */
  #moveOn (outcome: Outcome): void {
    const go = (): void => { if (!this.#isOver()) this.#next(outcome) }
    if (this.#delay > 0) this.#cancelRetry = this.#settings.clock.after(this.#delay, go)
    else queueMicrotask(go)
  }

  #next (before: Outcome | undefined): void {
    let target: Target | undefined
    try {
      target = this.#choose(before?.kind !== 'answered')
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    if (target !== undefined) this.#send(target, this.#why)
    // The last target left while a further attempt was being prepared.
    else if (before !== undefined) this.#fail(before.kind === 'answered' ? NoTargetError() : toGatewayError(before))
    // Requests are let in when there is room; a stream has not been made to wait for a connection.
    else this.#refuse()
  }

  #refuse (): void {
    const { counters } = this.#settings
    if (this.#stream) counters.tooManyStreams++
    else counters.noTarget++
    this.#fail(this.#stream ? TooManyStreamsError() : NoTargetError())
  }

  #choose (lastResort: boolean): Target | undefined {
    return this.#settings.selection.choose(this, this.#tried, lastResort)
  }

  #send (target: Target, why: Why): void {
    const { tellDeadline } = this.#options
    this.#tried.push(target)
    if (this.#distrustsIdle) target.dropIdle()
    const attempt = new Attempt(target, this, this.#attemptSettings, ++this.#sends, why)
    if (this.#first === undefined) this.#first = attempt
    else this.#second = attempt
    let headers = this.#headers
    if (tellDeadline !== undefined && this.#deadline !== Infinity) {
      const left = formatDeadline(Math.max(1, this.#deadline - this.#settings.clock.now()), tellDeadline.like)
      headers = withHeader(headers, tellDeadline.name, left)
    }
    const fields = this.#settings.attempted(attempt, this)
    if (fields !== undefined) for (const name of Object.keys(fields)) headers = withHeader(headers, name, fields[name] ?? '')
    target.dispatch(sendOptions(this.#options, headers, this.#body.open() as Send['body']), attempt)
  }

  /** Asks another target as well when the first one takes its time, and takes what comes first. */
  #armHedge (): void {
    const { clock, hedge } = this.#settings
    if (hedge === undefined || this.#phase !== 'deciding' || this.#stream || !this.#mayRepeat(HEDGED)) return
    const delay = hedge.delay()
    if (delay === undefined) return
    this.#cancelHedge = clock.after(delay, () => { this.#hedge() })
  }

  #hedge (): void {
    const { counters, retry, selection } = this.#settings
    if (this.#phase !== 'deciding' || this.#first === undefined || this.#second !== undefined || this.#first.answered) return
    if (!this.#body.complete || !selection.hasUntried(this.#tried, false, false)) return
    if (retry.budget?.withdraw() === false) {
      counters.budgetRefused++
      return
    }
    try {
      const target = this.#choose(false)
      if (target === undefined) return
      counters.hedges++
      this.#send(target, 'hedge')
    } catch {
      // The policy has failed. The attempt under way may still be answered.
    }
  }

  #isOver (): boolean { return this.#phase === 'over' }

  #fail (error: Error): void {
    this.#end(error)
    this.handler.onError(error)
  }

  /**
   * @param error why it has not been answered to the end; undefined when it has
   * @param reason why what is under way is given up
   */
  #end (error: Error | undefined, reason = error): void {
    this.#phase = 'over'
    this.#cancelDeadline()
    this.#cancelRetry()
    this.#cancelHedge()
    if (reason !== undefined) {
      const second = this.#second
      this.#first?.cancel(reason)
      second?.cancel(reason)
    }
    this.#body.release()
    const { admission } = this.#settings
    if (this.#admitted) admission.leave(this.#stream)
    else admission.giveUp(this)
    this.#settings.ended(this, error)
  }
}

/**
 * How often a request that found its connection stale is sent again for that. The next one is on a new connection, but while it is
 * made another request may use it first, and its server let go of it again.
 */
const STALE_LIMIT = 3

/** What a hedge takes its first attempt for: sent, and no answer. */
const HEDGED: Outcome = { kind: 'failed', error: new Error('no answer yet') }

function acceptsEvents (headers: RequestHeaders): boolean {
  return /^\s*text\/event-stream\s*(?:[;,]|$)/i.test(headerValue(headers, 'accept') ?? '')
}

/**
 * What undici is to send. Every option that it knows is here by name: an object that is spread has another shape each time, which
 * makes it several times slower to build and to read.
 */
export function sendOptions (options: ExchangeOptions & LaterOptions, headers: RequestHeaders, body: Send['body']): Send {
  const { path, method, query, idempotent, blocking, upgrade, reset, expectContinue, typeOfService, throwOnError, maxRedirections } = options
  return {
    origin: undefined,
    path,
    method,
    body,
    headers,
    query,
    idempotent,
    blocking,
    upgrade,
    // Attempts keep these limits themselves.
    headersTimeout: 0,
    bodyTimeout: 0,
    reset,
    expectContinue,
    servername: undefined,
    throwOnError,
    maxRedirections,
    typeOfService
  } as Send
}

/** What undici takes, or refuses, besides what its types say. */
interface LaterOptions {
  readonly typeOfService?: unknown
  readonly throwOnError?: unknown
  readonly maxRedirections?: unknown
}

function attemptSettings ({ clock, expiries, try: each, headers, idle, drainHeader }: AttemptSettings): AttemptSettings {
  return { clock, expiries, try: each, headers, idle, drainHeader }
}
