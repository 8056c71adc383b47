import type { DiscoveryState } from '../discoverer.js'
import type { Pool, PoolSnapshot, Transition } from '../pool.js'
import type { TargetSnapshot } from '../target.js'
import type { RouteTraffic } from '../traffic.js'
import { poolWarnings, severity, targetWords } from './words.js'

/** A target, with how it is in words. */
export interface TargetState extends Omit<TargetSnapshot, 'limit'> {
  /** Requests that it may have in flight; left out when there is no limit. */
  readonly limit: number | undefined
  readonly words: string
}

export interface PoolState extends Omit<PoolSnapshot, 'targets'> {
  /** Targets that are up, and those that are not draining. */
  readonly up: number
  readonly of: number
  /** What an operator should know at once, in words. */
  readonly warnings: readonly string[]
  readonly targets: readonly TargetState[]
}

/** Something that is not as it should be, in words. */
export interface Problem {
  readonly pool: string
  /** URL of the target; undefined when it is about the whole pool. */
  readonly target: string | undefined
  readonly health: string | undefined
  readonly since: number | undefined
  readonly words: string
}

export interface PoolTransition extends Transition {
  readonly pool: string
}

/** What an operator has done. Times are in milliseconds since 1970. */
export interface Deed {
  readonly at: number
  readonly who: string
  readonly action: string
  readonly pool: string
  readonly target: string
}

export interface Totals {
  readonly requests: number
  /** Answered by a further attempt: what retries and hedges have saved. */
  readonly saved: number
  readonly retries: number
  readonly hedgesWon: number
  readonly inFlight: number
  readonly up: number
  readonly targets: number
}

export interface State {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly closing: boolean
  /** Whether drain, undrain, eject and weight are allowed. */
  readonly actions: boolean
  readonly totals: Totals
  /** The sickest first. */
  readonly problems: readonly Problem[]
  readonly routes: ReadonlyArray<Readonly<RouteTraffic>>
  readonly pools: readonly PoolState[]
}

export type Pools = Readonly<Record<string, Pool>>

/** A pool as it is now. */
export function poolState (pool: Pool, now: number): PoolState {
  const snapshot = pool.snapshot()
  const of = snapshot.targets.filter(({ health }) => health !== 'draining').length
  const up = snapshot.targets.filter(({ health }) => health === 'up').length
  const discovery = snapshot.discovery === undefined ? undefined : withoutCredentials(snapshot.discovery)
  const described = { ...snapshot, discovery, up, of }
  return { ...described, warnings: poolWarnings(described, now), targets: snapshot.targets.map(target => targetState(target, now)) }
}

function targetState (target: TargetSnapshot, now: number): TargetState {
  const [reason, failing] = [target.reason, target.failing].map(text => text === undefined ? undefined : masked(text))
  const latency = target.latency === undefined ? undefined : Math.round(target.latency * 10) / 10
  const state = { ...target, reason, failing, latency, limit: Number.isFinite(target.limit) ? target.limit : undefined }
  return { ...state, words: targetWords(state, now) }
}

/** Everything at one moment. */
export function stateOf (pools: Pools, routes: ReadonlyArray<Readonly<RouteTraffic>>, facts: Pick<State, 'at' | 'closing' | 'actions'>): State {
  const states = Object.values(pools).map(pool => poolState(pool, facts.at))
  return { ...facts, totals: totalsOf(states), problems: problemsOf(states, facts.at), routes: routes.map(route => ({ ...route })), pools: states }
}

function totalsOf (pools: readonly PoolState[]): Totals {
  const sum = (of: (pool: PoolState) => number): number => pools.reduce((total, pool) => total + of(pool), 0)
  return {
    requests: sum(({ counters }) => counters.requests),
    saved: sum(({ counters }) => counters.answeredElsewhere),
    retries: sum(({ counters }) => counters.retries),
    hedgesWon: sum(({ counters }) => counters.hedgesWon),
    inFlight: sum(({ load }) => load.inFlight),
    up: sum(({ up }) => up),
    targets: sum(({ targets }) => targets.length)
  }
}

/** What is not as it should be, now. Runs in browsers too. */
export function problemsOf (pools: readonly PoolState[], now: number): Problem[] {
  const whole = pools.flatMap(({ name, warnings }) => warnings.map((words): Problem => ({ pool: name, target: undefined, health: undefined, since: undefined, words })))
  const single = pools.flatMap(({ name, targets }) => targets.filter(target => severity(target) > 0)
    .map(target => ({ pool: name, target })))
  single.sort((a, b) => severity(b.target) - severity(a.target) || b.target.since - a.target.since)
  return [...whole, ...single.map(({ pool, target }): Problem => ({ pool, target: target.url, health: target.health, since: target.since, words: targetWords(target, now) }))]
}

/** The latest transitions of all pools, the newest first. */
export function transitionsOf (pools: Pools, limit: number): PoolTransition[] {
  return Object.values(pools)
    .flatMap(pool => pool.transitions.map(transition => ({ pool: pool.name, ...transition, reason: masked(transition.reason) })))
    .sort((a, b) => b.at - a.at)
    .slice(0, limit)
}

function withoutCredentials ({ failure, ...state }: DiscoveryState): DiscoveryState {
  return { ...state, failure: failure === undefined ? undefined : masked(failure) }
}

/** What somebody else has put into words may quote a URL, with a password or a token in it. */
function masked (text: string): string {
  return text.replace(/\/\/[^\s/@]*@/g, '//***@').replace(/(https?:\/\/[^\s?]*\?)\S*/g, '$1***')
}
