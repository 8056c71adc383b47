import type { Dispatcher } from 'undici'
import { Attempt, type AttemptOwner } from './attempt.js'
import { requestBody, type RequestBody } from './body.js'
import type { Clock } from './clock.js'
import { NoTargetError, PolicyError, toGatewayError } from './errors.js'
import type { Handler } from './handler.js'
import { flatHeaders, hasHeader, type RequestHeaders } from './headers.js'
import type { AttemptRecord, Outcome } from './outcome.js'
import type { Policy } from './policy.js'
import type { Retry, Sent } from './retry.js'
import type { Target } from './target.js'

/** One client request as a pool takes it: undici's options and what only the pool understands. */
export interface ExchangeOptions extends Dispatcher.DispatchOptions {
  /** What the `hash` policy goes by. */
  readonly key?: string | undefined
  /** Filled with one line per attempt as the exchange runs. */
  readonly attempts?: AttemptRecord[] | undefined
}

/** What an exchange needs of its pool. */
export interface ExchangeSettings {
  readonly clock: Clock
  readonly policy: Policy
  readonly retry: Retry
  /** Further attempts after the first; 0 means none. */
  readonly retries: number
  /** Bytes of a streamed body that are kept for a further attempt. */
  readonly replayBytes: number
  /** Milliseconds between two pieces of a response body; 0 is no limit. */
  readonly idle: number
  /** The targets that may be used right now. */
  available (): readonly Target[]
  settled (target: Target, outcome: Outcome): void
}

/**
 * One request: picks a target, sends, and decides about the next one until there is an answer to pass on.
 *
 * deciding → passing → over. While it decides, the handler has heard nothing but `onConnect`, so every failure can
 * still be mended elsewhere. Once it passes an answer on, the attempt that brought it is the last one.
 */
export class Exchange implements AttemptOwner, Sent {
  readonly method: string
  readonly handler: Handler
  readonly attempts: AttemptRecord[]
  readonly #settings: ExchangeSettings
  readonly #options: Dispatcher.DispatchOptions
  readonly #headers: RequestHeaders
  readonly #key: string | undefined
  readonly #idle: number
  readonly #body: RequestBody
  readonly #tried: Target[] = []
  #attempt: Attempt | undefined
  #phase: 'deciding' | 'passing' | 'over' = 'deciding'

  constructor (settings: ExchangeSettings, options: ExchangeOptions, handler: Handler) {
    const { key, attempts, ...rest } = options
    this.method = options.method
    this.handler = handler
    this.attempts = attempts ?? []
    this.#settings = settings
    this.#headers = flatHeaders(options.headers)
    this.#idle = options.bodyTimeout ?? settings.idle
    // Attempts keep this limit themselves.
    this.#options = { ...rest, headers: this.#headers, bodyTimeout: 0 }
    this.#key = key
    this.#body = requestBody(options.body, settings.replayBytes, error => { this.abort(error) })
  }

  /** Looked for only when somebody asks: most requests end well. */
  get idempotencyKey (): boolean { return hasHeader(this.#headers, 'idempotency-key') }

  get replayable (): boolean { return this.#body.replayable }

  start (): void {
    try {
      this.handler.onConnect(error => { this.abort(error) })
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#next(undefined)
  }

  /** Whoever asked has gone: whatever is under way is given up, and no target is blamed for it. */
  abort (reason?: Error): void {
    if (this.#phase === 'over') return
    const error = reason ?? new DOMException('The request was aborted', 'AbortError')
    const attempt = this.#attempt
    this.#end()
    attempt?.cancel(error)
    this.handler.onError(error)
  }

  accept (status: number, latency: number): boolean {
    // Nobody else to ask, or nothing to gain by it: what came is passed on, even if it is an error.
    if (this.#mayMoveOn({ kind: 'answered', status, latency })) return false
    this.#phase = 'passing'
    return true
  }

  settled (attempt: Attempt, outcome: Outcome): void {
    this.#settings.settled(attempt.target, outcome)
    if (this.#phase === 'over') return
    if (outcome.kind === 'answered') {
      // Not passed on means given up for another target.
      if (this.#phase === 'passing') this.#end()
      else this.#moveOn(outcome)
    } else if (this.#phase === 'deciding' && this.#mayMoveOn(outcome)) {
      this.#moveOn(outcome)
    } else {
      this.#fail(toGatewayError(outcome))
    }
  }

  #mayMoveOn (outcome: Outcome): boolean {
    return this.#tried.length <= this.#settings.retries &&
      this.#settings.retry(outcome, this) &&
      this.#untried().length > 0
  }

  /** In a task of its own: this runs inside the callback of a connection, and undici can not be entered twice. */
  #moveOn (outcome: Outcome): void {
    queueMicrotask(() => { if (this.#phase !== 'over') this.#next(outcome) })
  }

  #next (before: Outcome | undefined): void {
    if (this.#phase === 'over') return
    const candidates = this.#untried()
    if (candidates.length === 0) {
      // The last target left while a further attempt was being prepared.
      this.#fail(before === undefined || before.kind === 'answered' ? NoTargetError() : toGatewayError(before))
      return
    }
    let target: Target
    try {
      target = this.#pick(candidates)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#tried.push(target)
    this.#attempt = new Attempt(target, this, this.#settings.clock, this.#idle)
    target.dispatch({ ...this.#options, body: this.#body.open() as Dispatcher.DispatchOptions['body'] }, this.#attempt)
  }

  #pick (candidates: readonly Target[]): Target {
    let target: Target
    try {
      target = this.#settings.policy(candidates, { key: this.#key, attempt: this.#tried.length })
    } catch (error) {
      throw PolicyError('it threw', { cause: error })
    }
    if (!candidates.includes(target)) throw PolicyError('it returned something that is not one of the targets it was given')
    return target
  }

  #untried (): readonly Target[] {
    const available = this.#settings.available()
    if (this.#tried.length === 0) return available
    return available.filter(target => !this.#tried.includes(target))
  }

  #fail (error: Error): void {
    this.#end()
    this.handler.onError(error)
  }

  #end (): void {
    this.#phase = 'over'
    this.#attempt = undefined
    this.#body.release()
  }
}
