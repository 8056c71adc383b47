import { targetSettings } from '../kit/target.js'
import { Target } from '../../lib/target.js'
import { Exchange, type ExchangeOptions, type ExchangeSettings, type RetrySettings } from '../../lib/exchange.js'
import type { Handler, Trailers } from '../../lib/handler.js'
import type { Outcome } from '../../lib/outcome.js'
import { poolCounters, type PoolCounters } from '../../lib/counters.js'
import { Expiries } from '../../lib/expiry.js'
import { safeRetry, type Retry } from '../../lib/retry.js'
import { VirtualClock } from '../kit/clock.js'

/** What undici would make of one attempt, by hand. */
export interface Send {
  readonly options: Parameters<Target['dispatch']>[0]
  readonly handler: Handler
  /** Reasons with which the attempt was given up. */
  readonly aborted: Array<Error | undefined>
  /** The request goes onto the wire. */
  connect (): void
  /** The head of an answer. */
  head (status: number, headers?: Record<string, string>): boolean
}

/** A target that sends nothing: the test plays its part. */
export class ScriptedTarget extends Target {
  readonly sends: Send[] = []
  /** How often it was told to let go of connections that idle. */
  dropped = 0

  constructor (name: string, id: number, clock: VirtualClock) {
    super({ url: `http://${name}.test`, weight: 1, priority: 0, zone: undefined }, id, targetSettings(clock))
  }

  override dispatch (options: Send['options'], handler: Parameters<Target['dispatch']>[1]): void {
    const attempt = handler as Handler
    const aborted: Send['aborted'] = []
    this.sends.push({
      options,
      handler: attempt,
      aborted,
      connect () { attempt.onConnect(reason => { aborted.push(reason) }) },
      head: (status, headers = {}) => attempt.onHeaders(status, rawHeaders(headers), () => {}, '')
    })
  }

  override dropIdle (): void {
    this.dropped++
  }

  /** The one send so far. */
  get sent (): Send {
    const [send, ...more] = this.sends
    if (send === undefined || more.length > 0) throw new Error(`sent ${this.sends.length} times`)
    return send
  }
}

export function rawHeaders (headers: Record<string, string>): Buffer[] {
  return Object.entries(headers).flat().map(text => Buffer.from(text, 'latin1'))
}

/** A handler that notes what it hears. */
export class Listener implements Handler {
  readonly calls: string[] = []
  readonly errors: Error[] = []
  abort: (reason?: Error) => void = () => {}

  onConnect (abort: (reason?: Error) => void): void {
    this.calls.push('connect')
    this.abort = abort
  }

  onHeaders (status: number): boolean {
    this.calls.push(`headers ${status}`)
    return true
  }

  onData (chunk: Buffer): boolean {
    this.calls.push(`data ${String(chunk)}`)
    return true
  }

  onComplete (_trailers: Trailers): void {
    this.calls.push('complete')
  }

  onError (error: Error): void {
    this.calls.push('error')
    this.errors.push(error)
  }
}

export interface Play {
  readonly clock: VirtualClock
  readonly a: ScriptedTarget
  readonly b: ScriptedTarget
  readonly c: ScriptedTarget
  readonly listener: Listener
  readonly exchange: Exchange
  /** What the pool was told, in order. */
  readonly outcomes: Outcome[]
  readonly counters: PoolCounters
  /** Who may be used; for the test to change. */
  available: ScriptedTarget[]
}

/** Settings that differ from: no limits, two further attempts at once. */
export type PlaySettings = Partial<Omit<ExchangeSettings, 'retry'>> & {
  readonly retries?: number
  readonly replayBytes?: number
  readonly rule?: Retry
  /** Whatever else is to differ of retries; what needs a clock is made from the play's. */
  readonly retry?: Partial<RetrySettings> | ((clock: VirtualClock) => Partial<RetrySettings>)
}

/** An exchange over three scripted targets, asked in order. It has not been started. */
export function play (options: Partial<ExchangeOptions> = {}, settings: PlaySettings = {}, listener = new Listener()): Play {
  const clock = new VirtualClock()
  const [a, b, c] = ['a', 'b', 'c'].map((name, i) => new ScriptedTarget(name, i, clock)) as [ScriptedTarget, ScriptedTarget, ScriptedTarget]
  const outcomes: Outcome[] = []
  const counters = poolCounters()
  const result = { counters, clock, a, b, c, listener, outcomes, available: [a, b, c] }
  const untried = (tried: readonly Target[]): Target[] => result.available.filter(target => !tried.includes(target))
  const { retries = 2, replayBytes = 10, rule = safeRetry, retry = {}, ...others } = settings
  const exchange = new Exchange({
    clock,
    expiries: new Expiries(clock),
    try: 0,
    headers: 0,
    idle: 0,
    total: 0,
    drainHeader: 'x-drain',
    retry: { rule, max: retries, backoff: { base: 0, max: 0 }, retryAfter: 0, replayBytes, budget: undefined, ...(typeof retry === 'function' ? retry(clock) : retry) },
    hedge: undefined,
    selection: {
      choose: (_choice, tried) => untried(tried)[0],
      hasUntried: tried => untried(tried).length > 0
    },
    admission: { enter (entrant) { entrant.admitted() }, giveUp () {}, leave () {}, becomesStream () {} },
    counters,
    attempted: () => undefined,
    heard () {},
    settled: (_attempt, outcome) => { outcomes.push(outcome) },
    ended () {},
    ...others
  }, { method: 'GET', path: '/', ...options }, listener)
  return Object.assign(result, { exchange })
}

/** Lets what was put off to a microtask run. */
export async function turn (): Promise<void> {
  await new Promise(resolve => { setImmediate(resolve) })
}
