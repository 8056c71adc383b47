import type { FastifySchema } from 'fastify'

/** What the API takes and gives, for the check of the former and for OpenAPI. Answers may have more than is said here. */

const number = { type: 'number' }
const integer = { type: 'integer' }
const string = { type: 'string' }
const boolean = { type: 'boolean' }
const wall = { type: 'number', description: 'Milliseconds since 1970' }

function open (properties: Record<string, object>): object {
  return { type: 'object', additionalProperties: true, properties }
}

const counters = { type: 'object', additionalProperties: integer }
const health = { type: 'string', enum: ['up', 'down', 'trial', 'draining'] }

const target = open({
  url: string,
  weight: number,
  priority: integer,
  zone: string,
  host: string,
  health,
  reason: string,
  failing: string,
  since: wall,
  until: { ...wall, description: 'When its ejection ends, in milliseconds since 1970' },
  cause: { type: 'string', enum: ['probe', 'breaker', 'operator', 'asked', 'discovery'] },
  words: { type: 'string', description: 'How it is, since when and why' },
  inFlight: integer,
  streams: integer,
  limit: number,
  share: number,
  latency: { type: 'number', description: 'Smoothed milliseconds to the response headers' },
  ejections: integer,
  connections: open({ open: integer, busy: integer }),
  counters
})

const pool = open({
  name: string,
  policy: string,
  panicking: boolean,
  up: integer,
  of: integer,
  warnings: { type: 'array', items: string, description: 'What an operator should know at once' },
  load: open({ inFlight: integer, streams: integer, waiting: integer }),
  limits: open({ inFlight: integer, queue: integer, streams: integer }),
  budgetLeft: number,
  counters,
  discovery: open({ listedAt: wall, listed: integer, failure: string, failedAt: wall }),
  targets: { type: 'array', items: target }
})

const route = open({ prefix: string, pool: string, requests: integer })
const problem = open({ pool: string, target: string, health: string, since: wall, words: string })
const transition = open({ at: wall, pool: string, target: string, was: health, health, reason: string })
const deed = open({ at: wall, who: string, action: string, pool: string, target: string })
const error = open({ statusCode: integer, code: string, error: string, message: string })

const poolParams = { type: 'object', required: ['pool'], properties: { pool: { type: 'string', description: 'Name of the pool' } } }

function answers (description: string, body: object, ...failures: number[]): object {
  return { 200: { description, ...body }, ...Object.fromEntries(failures.map(status => [status, { description: FAILURES[status] ?? '', ...error }])) }
}

const FAILURES: Readonly<Record<number, string>> = {
  400: 'The request makes no sense; the message says what is allowed',
  403: 'Actions are off, or the request comes from a page of another site',
  404: 'No such pool or target; the message lists those that there are',
  409: 'It must not be done now; the message says why',
  415: 'The body is not JSON',
  501: 'The pool can not explain itself',
  503: 'Not now'
}

/** A schema with what is for OpenAPI. */
type Schema = FastifySchema & { readonly tags: readonly string[], readonly summary: string }

const tags = ['status']

export const stateSchema: Schema = {
  tags,
  summary: 'Everything: pools, targets, routes, and what is wrong',
  response: answers('The state', open({
    at: wall,
    closing: boolean,
    actions: boolean,
    totals: { type: 'object', additionalProperties: number },
    problems: { type: 'array', items: problem },
    routes: { type: 'array', items: route },
    pools: { type: 'array', items: pool }
  }))
}

export const poolSchema: Schema = { tags, summary: 'One pool', params: poolParams, response: answers('The pool', pool, 404) }

export const configurationSchema: Schema = {
  tags,
  summary: 'The options of a pool that are in effect, with their defaults and without secrets',
  params: poolParams,
  response: answers('The options', { type: 'object', additionalProperties: true }, 404)
}

export const transitionsSchema: Schema = {
  tags,
  summary: 'The latest changes of health, the newest first, and what operators have done',
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: { pool: { type: 'string', description: 'Name of a pool. Default: all' }, limit: { type: 'integer', minimum: 1, maximum: 1000, default: 200 } }
  },
  response: answers('The changes', open({ transitions: { type: 'array', items: transition }, deeds: { type: 'array', items: deed } }), 400, 404)
}

export const eventsSchema: Schema = {
  tags,
  summary: 'The state, and then every second what has changed, as server-sent events `state` and `tick`',
  response: answers('Events without an end', { content: { 'text/event-stream': { schema: string } } }, 503)
}

export const liveSchema: Schema = { tags, summary: 'Whether the process answers', response: answers('It does', open({ live: boolean })) }

const readinessBody = open({ ready: boolean, closing: boolean, pools: { type: 'object', additionalProperties: open({ ready: boolean, up: integer, of: integer }) } })
export const readySchema: Schema = {
  tags, summary: 'Whether enough targets of each pool are up', response: { ...answers('They are', readinessBody), 503: { description: 'They are not, or the app is closing', ...readinessBody } }
}

export const explainSchema: Schema = {
  tags,
  summary: 'What would be decided about a request that came now. Nothing is sent',
  params: poolParams,
  body: {
    type: 'object',
    additionalProperties: false,
    properties: {
      key: { type: 'string', description: 'What the hash policy goes by' },
      method: { type: 'string', pattern: '^[A-Za-z-]+$', default: 'GET' },
      path: { type: 'string', pattern: '^/', default: '/' },
      headers: { type: 'object', additionalProperties: { type: 'string' } },
      address: { type: 'string', description: 'Address of the client' }
    }
  },
  response: answers('The decision', open({ text: { type: 'string', description: 'In sentences' }, explanation: { type: 'object', additionalProperties: true } }), 400, 404, 415, 501)
}

function action (summary: string, properties: Record<string, object> = {}, required: readonly string[] = []): Schema {
  return {
    tags,
    summary,
    params: poolParams,
    body: {
      type: 'object',
      required: ['target', ...required],
      additionalProperties: false,
      properties: { target: { type: 'string', minLength: 1, description: 'URL of the target' }, ...properties }
    },
    response: answers('The target as it is now', target, 400, 403, 404, 409, 415)
  }
}

export const actionSchemas = {
  drain: action('Gives a target no new requests'),
  undrain: action('Gives a drained target requests again'),
  eject: action('Takes a target out for a while, then tries it with one request', {
    ms: { type: 'number', exclusiveMinimum: 0, maximum: 2147483647, default: 30000, description: 'For how long, in milliseconds' },
    reason: { type: 'string', minLength: 1, maxLength: 200 }
  }),
  weight: action('Changes the weight of a target; 0 drains it', { weight: { type: 'number', minimum: 0, maximum: 1000000 } }, ['weight'])
}
