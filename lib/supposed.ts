import type { FastifyRequest } from 'fastify'
import type { Affinity } from './affinity.js'
import type { Clock } from './clock.js'
import { acceptsEvents, type RetrySettings } from './exchange.js'
import { candidatesOf, pickOf, ponder, refusalOf, resultOf } from './explain.js'
import type { Decision, Explanation } from './explanation.js'
import { cookieValue } from './headers.js'
import type { KeyReader } from './key.js'
import { isText, object } from './option-types.js'
import type { Outcome } from './outcome.js'
import type { Sent } from './retry.js'
import { check, rule } from './schema.js'
import type { Choice, SelectionView } from './selection.js'

/** What is known of a request that has not come. */
export interface SupposedRequest {
  /** What the `hash` policy goes by. Default: what the policy's `key` makes of the rest. */
  readonly key?: string
  /** Default: `GET`. */
  readonly method?: string
  /** As the client asks for it, with its query. Default: `/`. */
  readonly path?: string
  /** By name in whatever case: a cookie, what the key is read from, an `Idempotency-Key`, an `Accept` of events. Default: none. */
  readonly headers?: Readonly<Record<string, string>>
  /** The client's address. Default: none. */
  readonly address?: string
}

export interface SupposedSettings {
  readonly clock: Clock
  readonly pool: string
  readonly policy: string
  readonly retry: RetrySettings
  readonly keyOf: KeyReader | undefined
  readonly affinity: Affinity | undefined
  readonly view: SelectionView
  /** Whether it would be let in: undefined if so, the error if not, or how many are in line before it. */
  readonly enters: (stream: boolean) => Error | number | undefined
}

/**
 * How a request would be decided upon if it came now.
 *
 * @throws BadOptionError for a request that makes no sense
 */
export function supposed (request: string | SupposedRequest, { clock, pool, policy, retry, keyOf, affinity, view, enters }: SupposedSettings): Explanation {
  check(supposedSchema, typeof request === 'string' ? { key: request } : request)
  const { key: given, method = 'GET', path = '/', headers: named = {}, address = '' } = typeof request === 'string' ? { key: request } : request
  const headers = Object.fromEntries(Object.entries(named).map(([name, value]) => [name.toLowerCase(), value]))
  const stream = headers['upgrade']?.toLowerCase() === 'websocket' || acceptsEvents(headers)
  const key = given ?? keyFrom(keyOf, { method, url: path, headers, ip: address, query: Object.fromEntries(new URLSearchParams(path.split('?')[1] ?? '')) })
  const cookie = affinity === undefined ? undefined : cookieValue(headers['cookie'], affinity.cookie)
  const choice: Choice = { key, attempt: 0, stream, stick: cookie === undefined ? undefined : affinity?.belonging(cookie) }
  const entry = enters(stream)
  const pondered = ponder(view, choice, [], true)
  const { passed, next } = pondered
  const pick = pickOf({ at: 0, view, pondered, candidates: candidatesOf(view, choice, [], pondered), passed: new Set(passed), drawn: undefined }, next, 'first')
  const failed = foreseen(retry, { method, idempotencyKey: headers['idempotency-key'] !== undefined, replayable: true })
  const error = entry instanceof Error ? entry : undefined
  return {
    pool,
    policy,
    method,
    path: path.split('?', 1)[0] ?? '',
    keyed: key !== undefined,
    supposed: true,
    began: clock.wall(),
    ms: 0,
    ...(typeof entry === 'number' ? { waiting: entry } : undefined),
    steps: [pick],
    ...(error === undefined ? undefined : { result: resultOf(error) }),
    further: {
      max: retry.max,
      ...(retry.budget === undefined ? undefined : { budgetLeft: retry.budget.left }),
      ...(failed === undefined ? undefined : { failed })
    }
  }
}

const NO_ANSWER: Outcome = { kind: 'failed', error: new Error('no answer') }

/** What follows when nobody answers; undefined when only a function of the user's can tell, which may remember that it was asked. */
function foreseen ({ rule, max, budget }: RetrySettings, sent: Sent): Decision | undefined {
  if (max === 0) return 'max_reached'
  if (rule.explain === undefined) return undefined
  if (rule.explain(NO_ANSWER, sent) !== undefined) return refusalOf(rule, NO_ANSWER, 'rule', sent)
  return budget !== undefined && budget.left < 1 ? 'budget_spent' : 'move_on'
}

/** A function of the user's may expect more of a request than there is. */
function keyFrom (keyOf: KeyReader | undefined, request: object): string | undefined {
  try {
    return keyOf?.(request as FastifyRequest)
  } catch {
    return undefined
  }
}

const supposedSchema = object({
  key: { type: 'string' },
  method: rule('a method in upper case', isText(/^[A-Z-]+$/)),
  path: rule("a path that begins with '/'", isText(/^\//)),
  headers: { type: 'object', additionalProperties: { type: 'string' } },
  address: { type: 'string' }
} satisfies Record<keyof SupposedRequest, object>)
