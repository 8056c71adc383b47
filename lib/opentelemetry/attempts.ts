import { propagation, SpanKind, SpanStatusCode, trace, type Attributes, type Context, type Span, type Tracer } from '@opentelemetry/api'
import { systemClock } from '../clock.js'
import type { AttemptStart } from '../events.js'
import type { Outcome } from '../outcome.js'
import { printable } from '../printable.js'
import type { Target } from '../target.js'
import { addOriginalMethod, addResult, errorType, methodOf, peerOf, spanName } from './semantics.js'
import { contextOf, type Measure } from './served.js'

/** Where the start of an attempt keeps what is needed at its end: a table of those under way would outlive them. */
const kTraced = Symbol('fastify-balancer.opentelemetry')

interface Traced {
  readonly span: Span | undefined
  readonly context: Context
  readonly started: number
}

type Begun = AttemptStart & { [kTraced]?: Traced }

/** One client span per attempt: those of retries and hedges are siblings. */
export class Attempts {
  readonly #tracer: Tracer | undefined
  readonly #measure: Measure

  constructor (tracer: Tracer | undefined, measure: Measure) {
    this.#tracer = tracer
    this.#measure = measure
  }

  /** @returns the header fields that tell the target of its parent; undefined for none */
  begin (target: Target, attempt: Begun): Record<string, string> | undefined {
    const parent = contextOf(attempt.request)
    const span = this.#tracer?.startSpan(spanName(attempt.method), { kind: SpanKind.CLIENT, attributes: attemptAttributes(target, attempt) }, parent)
    const context = span === undefined ? parent : trace.setSpan(parent, span)
    attempt[kTraced] = { span, context, started: systemClock.now() }
    if (span === undefined) return undefined
    const fields: Record<string, string> = {}
    propagation.inject(context, fields)
    return fields
  }

  end (target: Target, outcome: Outcome, attempt: Begun): void {
    const { span, context, started } = attempt[kTraced] ?? {}
    if (context === undefined || started === undefined) return
    const error = errorType(outcome)
    const status = outcome.kind === 'answered' ? outcome.status : undefined
    if (span !== undefined) {
      if (span.isRecording()) span.setAttributes(addResult({ 'fastify_balancer.outcome': outcome.kind }, status, error))
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, ...(outcome.kind === 'answered' ? undefined : { message: printable(outcome.error.message) }) })
      span.end()
    }
    if (status === 101) return
    const { address, port, scheme } = peerOf(target)
    this.#measure((systemClock.now() - started) / 1000, addResult({
      'http.request.method': methodOf(attempt.method), 'server.address': address, 'server.port': port, 'url.scheme': scheme, 'network.protocol.version': '1.1'
    }, status, error), context)
  }
}

function attemptAttributes (target: Target, { pool, method, path, number, why }: AttemptStart): Attributes {
  const { address, port, scheme } = peerOf(target)
  const attributes: Attributes = {
    'http.request.method': methodOf(method),
    'server.address': address,
    'server.port': port,
    'url.scheme': scheme,
    'url.full': target.url + path,
    'network.protocol.version': '1.1',
    'fastify_balancer.pool': pool,
    'fastify_balancer.target': target.url,
    'fastify_balancer.why': why
  }
  addOriginalMethod(attributes, method)
  if (number > 1) attributes['http.request.resend_count'] = number - 1
  return attributes
}
