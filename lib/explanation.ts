import type { Health, Outcome, Why } from './outcome.js'

/** Why a target was not picked. */
export type LeftOut =
  /** It has been asked for this request before. */
  | 'tried'
  /** The probes or the breaker have taken it out of rotation. */
  | 'down'
  /** An operator has drained it, or it has asked for that. */
  | 'draining'
  /** It has yet to pass its first probe. */
  | 'newcomer'
  /** After an ejection it takes one request at a time, and has it. */
  | 'trial_busy'
  /** It has as many requests, or connections, as it may have. */
  | 'full'
  /** It starts slowly or has asked to be spared, and left this turn to the others. */
  | 'spared'
  /** Its tier or zone stands by: those before it are enough. */
  | 'standby'
  /** It was the turn of another tier or zone. */
  | 'other_tier'
  /** The client belongs to another target. */
  | 'belongs_elsewhere'

/** One target of the pool at the moment of a pick. */
export interface CandidateExplanation {
  /** Its URL. */
  readonly target: string
  readonly weight: number
  readonly priority: number
  readonly zone?: string
  readonly health: Health
  /** Why it is not `up`. */
  readonly reason?: string
  /** Milliseconds since 1970: when its ejection ends. */
  readonly until?: number
  readonly inFlight: number
  /** Requests that it may have in flight; left out when there is no limit. */
  readonly limit?: number
  /** What it takes of the traffic that its weight stands for, 0 to 1. */
  readonly share: number
  /** What the policy compares; `unit` of the pick says what it is. */
  readonly score?: number
  /** How likely it was to be picked, 0 to 1, where chance decides. */
  readonly chance?: number
  readonly picked?: true
  /** Why it could not be picked. Left out for those that the policy chose from. */
  readonly leftOut?: LeftOut
}

/** Targets of one priority, and of the pool's own zone or of others. */
export interface TierExplanation {
  readonly priority: number
  /** Only where the pool has a zone. */
  readonly zone?: 'own' | 'other'
  /** Part of the traffic that is its own, 0 to 1. */
  readonly share: number
  /** How many of its targets are used. */
  readonly targets: number
}

/** A target is picked. */
export interface PickExplanation {
  readonly step: 'pick'
  /** Milliseconds since the request came. */
  readonly at: number
  readonly why: Why
  /** Too few targets are up, so that health is ignored. */
  readonly panicking: boolean
  /** Nobody else was left, so that those thought to be down were asked. */
  readonly lastResort: boolean
  readonly tiers: readonly TierExplanation[]
  /** In joining order. */
  readonly candidates: readonly CandidateExplanation[]
  /** Candidates that are not listed. */
  readonly more?: number
  /** What a score counts, and which is better. */
  readonly unit?: string
  /** URL of the target; undefined when there was nobody, or when chance decides and nothing has been drawn. */
  readonly picked?: string
  /** Why, as the end of a sentence that begins with the target, or a sentence of its own when nobody was picked. */
  readonly because: string
}

/** A request is sent. */
export interface AttemptExplanation {
  readonly step: 'attempt'
  readonly at: number
  /** 1 for the first. */
  readonly number: number
  readonly why: Why
  readonly target: string
  /** Milliseconds from the pick until it was on the wire; left out when it never was. */
  readonly sent?: number
  /** Milliseconds from the pick to the final response headers. */
  readonly head?: number
  /** Milliseconds from the pick to its end; left out while it goes on. */
  readonly end?: number
  readonly outcome?: Outcome['kind']
  readonly status?: number
  /** What went wrong: an error's code, or else its message. */
  readonly error?: string
  /** Another target, asked later, has answered first. */
  readonly outrun?: true
}

/** What follows from what an attempt came to. */
export type Decision =
  /** Another attempt is made. */
  | 'move_on'
  /** The answer is passed on. */
  | 'pass_on'
  /** The other one of a hedged pair goes on. */
  | 'wait_for_other'
  /** No further attempt, for one of these reasons. */
  | 'not_idempotent' | 'body_gone' | 'budget_spent' | 'no_one_left' | 'max_reached' | 'deadline' | 'rule' | 'broken' | 'client_gone' | 'over'

export interface DecisionExplanation {
  readonly step: 'decision'
  readonly at: number
  /** URL of the target whose attempt it follows. */
  readonly after: string
  readonly decision: Decision
  /** Milliseconds that a further attempt waits for. */
  readonly wait?: number
}

/** A hedge was due, and was not sent. */
export interface NoHedgeExplanation {
  readonly step: 'no_hedge'
  readonly at: number
  readonly reason: 'budget_spent' | 'no_one_left' | 'body_gone'
}

export type StepExplanation = PickExplanation | AttemptExplanation | DecisionExplanation | NoHedgeExplanation

/** How a request was decided upon, or would be. Plain JSON: no header fields, no query and no key of the request is in it. */
export interface Explanation {
  readonly pool: string
  /** Name of the policy; `own` for one of the user's own. */
  readonly policy: string
  readonly method: string
  /** Without the query. */
  readonly path?: string
  /** Whether the policy had a key to go by. */
  readonly keyed: boolean
  /** Whether it is about what would happen, and nothing has. */
  readonly supposed: boolean
  /** Milliseconds since 1970: when the request came. */
  readonly began: number
  /** Milliseconds from then to its end, or until now. */
  readonly ms: number
  /** Milliseconds in the queue; left out while it waits. */
  readonly queued?: number
  /** How many requests are in line before it. */
  readonly waiting?: number
  /** In the order in which they happened. */
  readonly steps: readonly StepExplanation[]
  /** What it came to; left out while it goes on. */
  readonly result?: {
    /** Status of the target's answer, or of the gateway's own. */
    readonly status?: number
    /** Code of the gateway's error; left out when an answer was passed on. */
    readonly code?: string
  }
  /** Only of what would happen: whether the request would be sent again, and after what. */
  readonly further?: {
    /** Attempts after the first, at the most. */
    readonly max: number
    /** Retries that the budget allows now; left out without a budget. */
    readonly budgetLeft?: number
    /** What follows when nobody answers once it has been sent; left out when only `retries.when` can tell. */
    readonly failed?: Decision
  }
}

/** The most targets that a sentence names. */
const MOST_NAMED = 10

/** An explanation as text: a line for each step, in sentences. */
export function explainText (explanation: Explanation): string {
  return lines(explanation).join('\n')
}

function lines (explanation: Explanation): string[] {
  const { steps, queued, waiting, supposed, result, further } = explanation
  const text = [opening(explanation)]
  if (queued !== undefined && queued > 0) text.push(`It waited in line for ${ms(queued)}.`)
  else if (waiting !== undefined) text.push(`It ${supposed ? 'would wait' : 'waits'} in line behind ${waiting} ${waiting === 1 ? 'request' : 'requests'}.`)
  for (const step of steps) text.push(sentence(step, supposed))
  if (further !== undefined) text.push(prospect(further))
  if (result?.code !== undefined) text.push(`The client ${supposed ? 'would get' : 'got'} ${result.status === undefined ? 'an error' : `a ${result.status}`} (${result.code}).`)
  return text
}

function opening ({ method, path = '', pool, policy, keyed, supposed, steps, result, ms: time }: Explanation): string {
  const request = `${method}${path === '' ? '' : ` ${path}`}`
  if (supposed) return `${request} would go to the pool ${pool}, policy ${policy}${keyed ? ' with a key' : ''}.`
  const attempts = steps.filter(({ step }) => step === 'attempt').length
  const answer = result?.code === undefined && result?.status !== undefined ? `, answered with ${result.status}` : ''
  const state = result === undefined ? `has been under way for ${ms(time)}` : `took ${ms(time)}`
  return `${request} went to the pool ${pool}, policy ${policy}${keyed ? ' with a key' : ''}: it ${state}, with ${attempts === 1 ? '1 attempt' : `${attempts} attempts`}${answer}.`
}

function sentence (step: StepExplanation, supposed: boolean): string {
  switch (step.step) {
    case 'pick': return picked(step, supposed)
    case 'attempt': return attempted(step)
    case 'decision': return decided(step)
    case 'no_hedge': return `At ${ms(step.at)} a hedge was due, and none was sent: ${REASONS[step.reason]}.`
  }
}

function picked (step: PickExplanation, supposed: boolean): string {
  const { candidates, more, because, unit, at, tiers, why } = step
  const parts: string[] = []
  const when = supposed ? 'Now' : `At ${ms(at)}${why === 'hedge' ? ', as a hedge' : ''}`
  if (step.picked !== undefined) parts.push(`${when} ${step.picked} ${supposed ? 'would be' : 'was'} picked: it ${because}.`)
  else parts.push(`${when} nobody ${supposed ? 'can be named' : 'was picked'}: ${because}.`)
  if (step.panicking) parts.push('Too few targets are up, so health is ignored.')
  if (step.lastResort) parts.push('Nobody else was left, so those thought to be down were asked.')
  if (tiers.length > 1) parts.push(`Tiers: ${tiers.map(tierName).join(', ')}.`)
  const chosenFrom = candidates.filter(({ leftOut }) => leftOut === undefined)
  const scored = chosenFrom.filter(({ score, chance }) => score !== undefined || chance !== undefined)
  if (scored.length > 1) {
    parts.push(`Chosen from ${named(scored, score)}${unit === undefined ? '' : ` (${unit})`}.`)
  } else if (chosenFrom.length > 1) {
    parts.push(`Chosen from ${named(chosenFrom, ({ target }) => target)}.`)
  }
  const left = candidates.filter(({ leftOut }) => leftOut !== undefined)
  if (left.length > 0) parts.push(`Left out: ${named(left, absence)}.`)
  if (more !== undefined) parts.push(`${more} more ${more === 1 ? 'target is' : 'targets are'} not listed.`)
  return parts.join(' ')
}

function named (list: readonly CandidateExplanation[], name: (candidate: CandidateExplanation) => string): string {
  const rest = list.length - MOST_NAMED
  return list.slice(0, MOST_NAMED).map(name).join('; ') + (rest > 0 ? `; and ${rest} more` : '')
}

function score ({ target, score, chance, health, reason }: CandidateExplanation): string {
  const facts = [
    ...(score === undefined ? [] : [String(rounded(score))]),
    ...(chance === undefined ? [] : [`${rounded(chance * 100)} %`]),
    ...(health === 'up' ? [] : [reason === undefined ? health : `${health}, ${reason}`])
  ]
  return `${target} ${facts.join(', ')}`
}

function absence ({ target, leftOut, reason, until, inFlight, limit, share, priority, zone }: CandidateExplanation): string {
  switch (leftOut) {
    case 'tried': return `${target}, which has been tried`
    case 'down': return `${target}, down${until === undefined ? '' : ` until ${new Date(until).toISOString()}`}${reason === undefined ? '' : ` (${reason})`}`
    case 'draining': return `${target}, draining${reason === undefined || reason === 'drained' ? '' : ` (${reason})`}`
    case 'newcomer': return `${target}, which is new and has not passed a probe${reason === undefined ? '' : ` (${reason})`}`
    case 'trial_busy': return `${target}, on trial, which has its one request`
    case 'full': return `${target}, full with ${inFlight} in flight${limit === undefined ? '' : ` of ${rounded(limit)}`}`
    case 'spared': return `${target}, which takes ${rounded(share * 100)} % of its share and left this turn to others`
    case 'standby': return `${target}, which stands by (priority ${priority}${zone === undefined ? '' : `, zone ${zone}`})`
    case 'other_tier': return `${target}, of another tier (priority ${priority}${zone === undefined ? '' : `, zone ${zone}`})`
    case 'belongs_elsewhere':
    case undefined: return target
  }
}

function tierName ({ priority, zone, share, targets }: TierExplanation): string {
  const where = zone === undefined ? '' : zone === 'own' ? ', own zone' : ', other zones'
  return `priority ${priority}${where} with ${targets} of its targets gets ${rounded(share * 100)} %`
}

function attempted ({ number, target, why, sent, head, end, outcome, status, error, outrun }: AttemptExplanation): string {
  const parts = [`Attempt ${number}${why === 'first' ? '' : ` (${ATTEMPTS[why]})`}, ${target}:`]
  const times = [...(sent === undefined ? [] : [`on the wire after ${ms(sent)}`]), ...(head === undefined ? [] : [`response headers after ${ms(head)}`])]
  const what = outrun === true ? 'outrun by another target' : outcome === 'answered' ? `answered with ${status}` : outcome
  if (outcome === undefined) parts.push(status === undefined ? 'under way' : `answering with ${status}`)
  else parts.push(`${what}${end === undefined ? '' : ` after ${ms(end)}`}`)
  if (error !== undefined && outrun !== true) parts.push(`(${error})`)
  return `${parts.join(' ')}${times.length === 0 ? '' : `; ${times.join(', ')}`}.`
}

const ATTEMPTS: Readonly<Record<Exclude<Why, 'first'>, string>> = {
  retry: 'a retry', hedge: 'a hedge', stale: 'since a connection was stale', spare: 'the same target after its Retry-After'
}

const REASONS: Readonly<Record<Decision, string>> = {
  move_on: 'another target is asked',
  pass_on: 'its answer is passed on',
  wait_for_other: 'the other attempt goes on',
  not_idempotent: 'the request may have been acted on, and its method is not idempotent',
  body_gone: 'the body of the request is not at hand any more',
  budget_spent: 'the retry budget is spent',
  no_one_left: 'there is no other target to ask',
  max_reached: 'there have been as many attempts as retries.max allows',
  deadline: 'there is not enough time left',
  rule: 'the rule of retries.when says no',
  broken: 'a part of the answer has been passed on',
  client_gone: 'nobody waits for an answer any more',
  over: 'the request is over'
}

function decided ({ at, after, decision, wait }: DecisionExplanation): string {
  const begin = `At ${ms(at)}, after ${after}:`
  if (decision === 'move_on') return `${begin} moved on${wait === undefined || wait === 0 ? ' at once' : ` after a wait of ${ms(wait)}`}.`
  if (decision === 'pass_on' || decision === 'wait_for_other') return `${begin} ${REASONS[decision]}.`
  return `${begin} stopped, since ${REASONS[decision]}.`
}

function prospect ({ max, budgetLeft, failed }: NonNullable<Explanation['further']>): string {
  const budget = budgetLeft === undefined ? '' : `, and the budget has ${rounded(budgetLeft)} left`
  if (max === 0) return 'There would be no further attempt: retries.max is 0.'
  const then = failed === undefined ? 'retries.when decides' : REASONS[failed]
  return `There may be ${max === 1 ? '1 further attempt' : `${max} further attempts`}${budget}. Once it has been sent, and nobody answers: ${then}.`
}

function ms (value: number): string {
  return `${rounded(value)} ms`
}

function rounded (value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
}
