import type { DiscoveredTarget } from '../discovery.js'
import { anything, count, object, text } from '../option-types.js'
import { check, rule } from '../schema.js'

/** What the probes have found out about a target. */
export type Verdict = 'up' | 'draining' | { readonly down: string }

export type TargetList = ReadonlyArray<string | DiscoveredTarget>

/** What is known of a pool. A target that is not named has yet to pass its first probe, or is none. */
export interface PoolKnowledge {
  readonly verdicts: ReadonlyArray<readonly [url: string, verdict: Verdict]>
  /** The last list of its source of discovery; undefined before the first. */
  readonly targets: TargetList | undefined
}

export type Knowledge = ReadonlyArray<readonly [pool: string, knowledge: PoolKnowledge]>

/** From the primary to a worker. `balancer` says which message it is, and tells it from those of others. */
export type ToWorker =
  | { readonly balancer: 'start', readonly id: number, readonly count: number, readonly stopTimeout: number, readonly configuration: unknown, readonly knowledge: Knowledge }
  /** Null: nothing is known any more. */
  | { readonly balancer: 'verdicts', readonly pool: string, readonly verdicts: ReadonlyArray<readonly [url: string, verdict: Verdict | null]> }
  | { readonly balancer: 'targets', readonly pool: string, readonly targets: TargetList }
  | { readonly balancer: 'forget', readonly pool: string }
  /** To be answered, with the same number. */
  | { readonly balancer: 'reload', readonly request: number, readonly configuration: unknown }
  | { readonly balancer: 'collect', readonly request: number, readonly name: string }
  /** It is a spare one, and has time. */
  | { readonly balancer: 'warm' }
  | { readonly balancer: 'stop' }

/** From a worker to the primary. */
export type FromWorker =
  /** It is there, and wants to be started. */
  | { readonly balancer: 'hello' }
  /** A spare one has used its time. */
  | { readonly balancer: 'warmed' }
  | { readonly balancer: 'ready' }
  /** It could not start, or stop, and ends. */
  | { readonly balancer: 'failed', readonly reason: string }
  | { readonly balancer: 'answer', readonly request: number, readonly value: unknown }
  | { readonly balancer: 'refusal', readonly request: number, readonly reason: string }

const verdict = rule("'up', 'draining' or { down: reason }", value => value === 'up' || value === 'draining' || isDown(value))
const verdictOrNull = rule("'up', 'draining', { down: reason } or null", value => value === null || verdict.passes.test(value))
const targets = { type: 'array', items: rule('a URL or { url, … }', value => typeof value === 'string' || typeof (value as { url?: unknown } | null)?.url === 'string') }
const list = (...items: object[]): object => ({ type: 'array', items, minItems: items.length, additionalItems: false })
const verdicts = (item: object): object => ({ type: 'array', items: list(text, item) })
const knowledge = {
  type: 'array',
  items: list(text, object({ verdicts: verdicts(verdict), targets: rule('a list of targets or nothing', value => value === undefined || Array.isArray(value)) }, ['verdicts']))
}

function isDown (value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'down' in value && typeof value.down === 'string'
}

type Shapes<Message extends { readonly balancer: string }> = Readonly<Record<Message['balancer'], object>>

const toWorker: Shapes<ToWorker> = {
  start: message({ id: count, count, stopTimeout: count, configuration: anything, knowledge }, ['id', 'count', 'stopTimeout', 'knowledge']),
  verdicts: message({ pool: text, verdicts: verdicts(verdictOrNull) }),
  targets: message({ pool: text, targets }),
  forget: message({ pool: text }),
  reload: message({ request: count, configuration: anything }, ['request']),
  collect: message({ request: count, name: text }),
  warm: message({}),
  stop: message({})
}

const fromWorker: Shapes<FromWorker> = {
  hello: message({}),
  warmed: message({}),
  ready: message({}),
  failed: message({ reason: text }),
  answer: message({ request: count, value: anything }, ['request']),
  refusal: message({ request: count, reason: text })
}

function message (properties: Record<string, object>, required: readonly string[] = Object.keys(properties)): object {
  return object({ balancer: text, ...properties }, required)
}

/**
 * A message of ours, or undefined for one of somebody else's: other modules may use the channel too.
 *
 * @throws BadOptionError for one of ours that is not as it must be, which is a mistake in this package or two versions of it
 */
export function messageToWorker (value: unknown): ToWorker | undefined {
  return read<ToWorker>(toWorker, value)
}

/** As `messageToWorker`. */
export function messageFromWorker (value: unknown): FromWorker | undefined {
  return read<FromWorker>(fromWorker, value)
}

function read<Message extends { readonly balancer: string }> (shapes: Shapes<Message>, value: unknown): Message | undefined {
  const kind = (value as { balancer?: unknown } | null | undefined)?.balancer
  if (typeof kind !== 'string' || !Object.hasOwn(shapes, kind)) return undefined
  check(shapes[kind as Message['balancer']], value)
  return value as Message
}
