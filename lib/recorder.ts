import type { Answered, Attempt } from './attempt.js'
import type { Clock } from './clock.js'
import type { ExchangeTrace, Move } from './exchange.js'
import { candidatesOf, pickOf, ponder, refusalOf, resultOf, type Choosing } from './explain.js'
import type {
  AttemptExplanation, CandidateExplanation, Decision, DecisionExplanation, Explanation, NoHedgeExplanation, PickExplanation, StepExplanation
} from './explanation.js'
import type { Outcome, Why } from './outcome.js'
import type { Retry, Sent } from './retry.js'
import type { Choice, Group, SelectionView } from './selection.js'
import type { Target } from './target.js'

/** What a recorder needs to know of its pool. */
export interface RecorderSettings {
  readonly clock: Clock
  readonly pool: string
  /** Name of the policy. */
  readonly policy: string
  readonly rule: Retry
}

/** The most candidates that are kept for one pick: a record is held for as long as its request. */
const MOST_CANDIDATES = 100

/** The most steps that are kept: an exchange has few, unless somebody has raised `retries.max` to hundreds. */
const MOST_STEPS = 200

/** Characters of an error's message. */
const MESSAGE_LIMIT = 200

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

/**
 * Takes down how one request is decided upon. There is one for a request only where somebody may want to know: it looks at every target
 * for every pick.
 */
export class Recorder implements ExchangeTrace {
  readonly #settings: RecorderSettings
  readonly #request: { readonly method: string, readonly path: string | undefined }
  readonly #started: number
  readonly #began: number
  readonly #steps: StepExplanation[] = []
  readonly #attempts = new Map<Attempt, { readonly started: number, readonly record: Writable<AttemptExplanation> }>()
  #keyed = false
  /** Why the next attempt is made. */
  #why: Why = 'first'
  #choosing: Choosing | undefined
  #queued: number | undefined
  #status: number | undefined
  #result: Explanation['result']
  #end: number | undefined

  /** @param path its query is left out */
  constructor (settings: RecorderSettings, method: string, path?: string) {
    this.#settings = settings
    this.#request = { method, path: path?.split('?', 1)[0] }
    this.#started = settings.clock.now()
    this.#began = settings.clock.wall()
  }

  /** What is known by now: a copy. */
  get explanation (): Explanation {
    const { pool, policy } = this.#settings
    const { method, path } = this.#request
    return {
      pool,
      policy,
      method,
      ...(path === undefined ? undefined : { path }),
      keyed: this.#keyed,
      supposed: false,
      began: this.#began,
      ms: this.#end ?? this.#now,
      ...(this.#queued === undefined ? undefined : { queued: this.#queued }),
      steps: this.#steps.map(step => ({ ...step })),
      ...(this.#result === undefined ? undefined : { result: this.#result })
    }
  }

  get #now (): number { return this.#settings.clock.now() - this.#started }

  admitted (waited: number): void { this.#queued = waited }

  choosing (view: SelectionView, choice: Choice, tried: readonly Target[], lastResort: boolean): void {
    this.#keyed = choice.key !== undefined
    const pondered = ponder(view, choice, tried, lastResort)
    this.#choosing = { at: this.#now, view, pondered, candidates: candidatesOf(view, choice, tried, pondered), passed: new Set(), drawn: undefined }
    // Until somebody has been picked: for when nobody is, or the policy throws.
    this.#add(this.#pick(this.#choosing, undefined))
  }

  drew (group: Group): void {
    if (this.#choosing !== undefined) this.#choosing.drawn = group
  }

  passedOver (target: Target): void {
    this.#choosing?.passed.add(target)
  }

  began (attempt: Attempt): void {
    const { target, why, number } = attempt
    if (this.#choosing !== undefined) {
      this.#steps.pop()
      this.#add({ ...this.#pick(this.#choosing, target), why })
      this.#choosing = undefined
    }
    const record: Writable<AttemptExplanation> = { step: 'attempt', at: this.#now, number, why, target: target.url }
    this.#attempts.set(attempt, { started: record.at, record })
    this.#add(record)
  }

  heard (attempt: Attempt, answer: Answered): void {
    const begun = this.#attempts.get(attempt)
    if (begun === undefined) return
    if (attempt.sentAfter !== undefined) begun.record.sent = attempt.sentAfter
    begun.record.head = answer.latency
    begun.record.status = answer.status
  }

  settled (attempt: Attempt, outcome: Outcome): void {
    const begun = this.#attempts.get(attempt)
    if (begun === undefined) return
    const { record, started } = begun
    if (attempt.sentAfter !== undefined) record.sent = attempt.sentAfter
    record.end = this.#now - started
    record.outcome = outcome.kind
    if (outcome.kind !== 'answered') record.error = describe(outcome.error)
    if (outcome.kind === 'aborted' && outcome.outrun === true) record.outrun = true
    if (attempt === this.#winner && outcome.kind === 'answered') this.#status = outcome.status
    // The other one of a hedged pair goes on.
    const others = [...this.#attempts.values()].filter(({ record }) => record.end === undefined)
    if (others.length > 0 && this.#winner === undefined && outcome.kind !== 'aborted') this.#decide(attempt, 'wait_for_other')
  }

  /** The attempt whose answer is passed on. */
  #winner: Attempt | undefined

  decided (attempt: Attempt, outcome: Outcome, move: Move, sent: Sent, wait: number): void {
    const decision = this.#decision(outcome, move, sent)
    if (decision === 'move_on') this.#why = move === 'again' ? 'spare' : move === 'stale' ? 'stale' : 'retry'
    if (outcome.kind === 'answered' && decision !== 'move_on') {
      this.#winner = attempt
      this.#status = outcome.status
    }
    this.#decide(attempt, decision, decision === 'move_on' ? wait : undefined)
  }

  notHedged (reason: 'body' | 'nobody' | 'budget'): void {
    const step: NoHedgeExplanation = { step: 'no_hedge', at: this.#now, reason: NO_HEDGE[reason] }
    this.#add(step)
  }

  ended (error: Error | undefined): void {
    if (this.#end !== undefined) return
    this.#end = this.#now
    if (error === undefined) {
      this.#result = this.#status === undefined ? {} : { status: this.#status }
      return
    }
    this.#result = resultOf(error)
  }

  #add (step: StepExplanation): void {
    if (this.#steps.length < MOST_STEPS) this.#steps.push(step)
  }

  #decide ({ target }: Attempt, decision: Decision, wait?: number): void {
    const step: DecisionExplanation = { step: 'decision', at: this.#now, after: target.url, decision, ...(wait === undefined ? undefined : { wait }) }
    this.#add(step)
  }

  #decision (outcome: Outcome, move: Move, sent: Sent): Decision {
    switch (move) {
      case 'yes':
      case 'again':
      case 'stale': return 'move_on'
      case 'deadline': return 'deadline'
      case 'budget': return 'budget_spent'
      case 'nobody': return 'no_one_left'
      case 'enough':
      case 'body':
      case 'rule': return refusalOf(this.#settings.rule, outcome, move, sent)
    }
  }

  #pick (choosing: Choosing, picked: Target | undefined): PickExplanation {
    const pick = pickOf(choosing, picked, this.#why)
    const listed = shortened(pick.candidates)
    return listed.length === pick.candidates.length ? pick : { ...pick, candidates: listed, more: pick.candidates.length - listed.length }
  }
}

const NO_HEDGE = { body: 'body_gone', nobody: 'no_one_left', budget: 'budget_spent' } as const

/** Those that say most: the one that was picked, then those that it was picked from. The order is kept. */
function shortened (candidates: readonly CandidateExplanation[]): readonly CandidateExplanation[] {
  if (candidates.length <= MOST_CANDIDATES) return candidates
  const ranked = [...candidates].sort((a, b) => rank(a) - rank(b)).slice(0, MOST_CANDIDATES)
  const kept = new Set(ranked)
  return candidates.filter(candidate => kept.has(candidate))
}

function rank ({ picked, leftOut }: CandidateExplanation): number {
  return picked === true ? 0 : leftOut === undefined ? 2 : leftOut === 'standby' ? 3 : 1
}

function describe (error: Error): string {
  const { code } = error as { code?: unknown }
  return (typeof code === 'string' ? code : error.message || error.name).slice(0, MESSAGE_LIMIT)
}
