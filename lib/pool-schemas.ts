import { isIP } from 'node:net'
import { isRegExp } from 'node:util/types'
import type { BudgetSettings } from './budget.js'
import { show } from './errors.js'
import type { AdaptiveSettings } from './limits/gradient2.js'
import { isObserver, OBSERVER } from './observer.js'
import {
  atLeastOne, count, flag, func, isFunction, isObject, isText, LONGEST_TIMER, matching, milliseconds, object, oneOrMore, share, text, wholeMilliseconds
} from './option-types.js'
import {
  POLICIES, type AffinityOptions, type BreakerOptions, type HashPolicyOptions, type HealthOptions, type LimitOptions, type PoolOptions, type RetryOptions,
  type SlowStartOptions
} from './pool-options.js'
import { rule } from './schema.js'
import type { TargetConfig } from './target-config.js'
import type { Timeouts } from './target.js'
import type { TlsOptions } from './tls.js'

const pemText = { type: 'string', pattern: '-----BEGIN ' }
const pem = rule('PEM, as a text or a Buffer', isPem, true, pemText)
const pems = rule('PEM, as a text or a Buffer, or a list of them', value => isPem(value) || (Array.isArray(value) && value.length > 0 && value.every(isPem)), true, oneOrMore(pemText))
export const paths = rule('a path, or a list of paths', value => isText(/./)(value) || (Array.isArray(value) && value.length > 0 && value.every(isText(/./))), false, oneOrMore(text))
export const secret = matching('a text that is not empty', /./, true)

/** What OpenSSL has no objection to: it takes any text for a list of no authorities. */
function isPem (value: unknown): boolean {
  return (typeof value === 'string' || Buffer.isBuffer(value)) && value.includes('-----BEGIN ')
}

const status = { type: 'integer', minimum: 100, maximum: 599 }
const STATUS_RANGE = /^[1-5]\d\d-[1-5]\d\d$/
const HOST_NAME = /^[A-Za-z\d](?:[A-Za-z\d._-]*[A-Za-z\d.])?$/

export const healthProperties = {
  type: { enum: ['http', 'tcp'] },
  path: matching("a path that begins with '/', in ASCII and without a fragment", /^\/[!"$-~]*$/),
  method: matching('a method in upper case other than CONNECT', /^(?!CONNECT$)[A-Z-]+$/),
  headers: {
    type: 'object',
    // undici writes these itself, and refuses to be told.
    propertyNames: rule('letters, digits and hyphens, and not connection, content-length, expect, keep-alive, transfer-encoding or upgrade',
      isText(/^(?!(?:connection|content-length|expect|keep-alive|transfer-encoding|upgrade)$)[!#$%&'*+.^_`|~\dA-Z-]+$/i), false, { pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" }),
    // May be a password.
    additionalProperties: matching('a text without line breaks', /^[\t\x20-\x7e\x80-\xff]*$/, true)
  },
  // Checked when it is parsed.
  status: { json: oneOrMore({ anyOf: [status, { type: 'string', pattern: STATUS_RANGE.source }] }) },
  body: rule('a text or a regular expression', value => typeof value === 'string' || isRegExp(value), false, text),
  port: { type: 'integer', minimum: 1, maximum: 65535 },
  // The jitter may double it.
  interval: { type: 'number', exclusiveMinimum: 0, maximum: Math.floor(LONGEST_TIMER / 2) },
  jitter: share,
  timeout: { type: 'number', exclusiveMinimum: 0, maximum: LONGEST_TIMER },
  rise: atLeastOne,
  fall: atLeastOne,
  initial: { enum: ['up', 'down'] },
  probe: func,
  verdicts: func
} satisfies Record<keyof HealthOptions, object>

const hashSchema = object({
  name: { const: 'hash' },
  key: {
    if: isObject,
    then: { ...object({ header: text, cookie: text, query: text }), minProperties: 1, maxProperties: 1 },
    else: rule("'path', 'address', a function, { header }, { cookie } or { query }",
      value => value === 'path' || value === 'address' || isFunction(value), false, { enum: ['path', 'address'] })
  },
  fallback: { enum: Object.keys(POLICIES) }
} satisfies Record<keyof HashPolicyOptions, object>, ['name', 'key'])

export const timeoutProperties = {
  connect: milliseconds,
  try: milliseconds,
  headers: wholeMilliseconds,
  idle: wholeMilliseconds,
  total: milliseconds,
  tunnel: milliseconds,
  grace: milliseconds
} satisfies Record<keyof Timeouts, object>

export const tlsProperties = {
  ca: pems,
  caFile: paths,
  cert: pem,
  certFile: text,
  key: pem,
  keyFile: text,
  passphrase: secret,
  reloadInterval: milliseconds,
  servername: rule('a host name', value => isText(HOST_NAME)(value) && isIP(String(value)) === 0, false, { type: 'string', pattern: HOST_NAME.source }),
  rejectUnauthorized: flag
} satisfies Record<keyof TlsOptions, object>

const aboveZero = { type: 'number', exclusiveMinimum: 0 }
const someMilliseconds = { ...aboveZero, maximum: LONGEST_TIMER }
const fieldName = matching('the name of a header field', /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/)

const falseOrObject = rule('false or an object', value => value === false, false, { const: false })

export const budgetProperties = { share: { type: 'number', minimum: 0 }, floor: { type: 'number', minimum: 0 }, window: someMilliseconds } satisfies Record<keyof BudgetSettings, object>

export const retryProperties = {
  max: count,
  statuses: { type: 'array', items: status },
  methods: { type: 'array', items: matching('a method in upper case', /^[A-Z-]+$/) },
  when: func,
  backoff: milliseconds,
  maxBackoff: milliseconds,
  retryAfter: milliseconds,
  budget: { if: isObject, then: object(budgetProperties), else: falseOrObject }
} satisfies Record<keyof RetryOptions, object>

const hedgeProperties = { delay: milliseconds, percentile: { ...aboveZero, exclusiveMaximum: 1 } }

export const breakerProperties = {
  consecutive: count,
  failureRate: share,
  minimumRequests: atLeastOne,
  window: someMilliseconds,
  faults: {
    type: 'array',
    items: rule("'unsent', 'failed', 'broken', a status from 100 to 599 or a range such as '500-599'", isFaultOption,
      false, { anyOf: [status, { enum: ['unsent', 'failed', 'broken'] }, { type: 'string', pattern: STATUS_RANGE.source }] })
  },
  breaker: func,
  ejection: someMilliseconds,
  maxEjection: someMilliseconds,
  jitter: share,
  maxEjected: share,
  reconnect: milliseconds
} satisfies Record<keyof BreakerOptions, object>

const adaptiveProperties = {
  initial: atLeastOne, min: atLeastOne, max: atLeastOne, smoothing: { ...aboveZero, maximum: 1 }, queueSize: atLeastOne, longWindow: atLeastOne
} satisfies Record<keyof AdaptiveSettings, object>

export const limitProperties = {
  inFlight: count,
  target: count,
  connections: count,
  streams: count,
  queue: count,
  queueTimeout: milliseconds,
  queueOrder: { enum: ['oldest', 'newest'] },
  adaptive: { if: isObject, then: object(adaptiveProperties), else: rule('true, false or an object', value => typeof value === 'boolean', false, flag) }
} satisfies Record<keyof LimitOptions, object>

/** Too long to be guessed. */
const isLongText = isText(/^.{16,}$/s)

export const affinityProperties = {
  cookie: matching('the name of a cookie', /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/),
  secret: rule('a text of 16 characters or more, or a list of them', value => isLongText(value) || (Array.isArray(value) && value.length > 0 && value.every(isLongText)), true, oneOrMore({ type: 'string', minLength: 16 })),
  path: matching("a path that begins with '/'", /^\/[!-:<-~]*$/),
  domain: matching('a host name', /^\.?[A-Za-z\d](?:[A-Za-z\d.-]*[A-Za-z\d])?$/),
  maxAge: count,
  httpOnly: flag,
  secure: flag,
  sameSite: { enum: ['strict', 'lax', 'none'] }
} satisfies Record<keyof AffinityOptions, object>

export const slowStartProperties = {
  window: someMilliseconds, minimum: { ...aboveZero, maximum: 1 }, aggression: aboveZero
} satisfies Record<keyof SlowStartOptions, object>

const targetText = { type: 'string', pattern: '^[Hh][Tt][Tt][Pp][Ss]?://' }

export const poolProperties = {
  // Each is checked when it is parsed, by the same function as the targets that are added later.
  targets: {
    type: 'array',
    minItems: 1,
    json: {
      type: 'array',
      minItems: 1,
      items: { anyOf: [targetText, object({ url: targetText, weight: { type: 'number', minimum: 0 }, priority: count, zone: text, host: text } satisfies Record<keyof TargetConfig, object>, ['url'])] }
    }
  },
  discovery: func,
  discoveryTimeout: milliseconds,
  policy: {
    if: isObject,
    then: hashSchema,
    else: rule(`one of ${Object.keys(POLICIES).map(show).join(', ')}, { name: 'hash', key } or a function`,
      value => isFunction(value) || (typeof value === 'string' && Object.hasOwn(POLICIES, value)), false, { enum: Object.keys(POLICIES) })
  },
  retries: { if: isObject, then: object(retryProperties), else: count },
  hedge: { if: isObject, then: { ...object(hedgeProperties), minProperties: 1, maxProperties: 1 }, else: isObject },
  breaker: { if: isObject, then: object(breakerProperties), else: falseOrObject },
  limits: object(limitProperties),
  zone: text,
  overprovisioning: { type: 'number', minimum: 1 },
  slowStart: { if: isObject, then: object(slowStartProperties), else: someMilliseconds },
  affinity: {
    if: isObject,
    then: object(affinityProperties, ['cookie', 'secret']),
    // Whatever it is instead may well be a secret.
    else: isObject
  },
  drainHeader: { if: { const: false }, else: fieldName },
  replayBytes: count,
  panic: share,
  health: object(healthProperties),
  timeouts: object(timeoutProperties),
  tls: {
    if: isObject,
    then: object(tlsProperties),
    // Whatever it is instead may well be a key.
    else: isObject
  },
  observers: {
    type: 'array',
    items: rule(OBSERVER, isObserver)
  }
} satisfies Record<keyof PoolOptions, object>

function isFaultOption (value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 100 && value <= 599
  if (value === 'unsent' || value === 'failed' || value === 'broken') return true
  const [, low = '', high = ''] = /^([1-5]\d\d)-([1-5]\d\d)$/.exec(String(value)) ?? []
  return low !== '' && low <= high
}
