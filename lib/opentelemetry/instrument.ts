import { context, createNoopMeter, metrics, ProxyTracerProvider, trace, type Meter, type Tracer } from '@opentelemetry/api'
import type { FastifyInstance } from 'fastify'
import { BadOptionError } from '../errors.js'
import type { Observer } from '../observer.js'
import type { Pool } from '../pool.js'
import { Attempts } from './attempts.js'
import { meters, type Meters } from './meters.js'
import { serve, tell } from './served.js'

export interface OpenTelemetryOptions {
  /** Makes the spans; false makes none. Default: that of the SDK that is registered, by the name `fastify-balancer`. */
  readonly tracer?: Tracer | false
  /** Makes the metrics; false makes none. Default: that of the SDK that is registered, by the name `fastify-balancer`. */
  readonly meter?: Meter | false
}

const NAME = 'fastify-balancer'

const kRegistered = Symbol('fastify-balancer.opentelemetry')

const NO_METERS: Meters = { server () {}, client () {}, attemptEnded () {}, requestEnded () {}, stop () {} }

/**
 * Has every request of an app, and every attempt of its pools, traced and measured.
 *
 * @throws BadOptionError when that is done already
 */
export function instrument (app: FastifyInstance, options: OpenTelemetryOptions): void {
  if (app.hasDecorator(kRegistered)) throw BadOptionError('openTelemetry: is registered already, must be registered once')
  app.decorate(kRegistered, true)
  const tracer = options.tracer === false ? undefined : options.tracer ?? trace.getTracer(NAME)
  const meter = options.meter === false ? createNoopMeter() : options.meter ?? metrics.getMeter(NAME)
  const measures = meter !== createNoopMeter()
  let ready: readonly Pool[] = []
  const measured = measures ? meters(meter, () => ready.map(pool => pool.snapshot())) : NO_METERS
  const attempts = new Attempts(tracer, measured.client)
  const observer: Observer = {
    attempted: (target, attempt) => attempts.begin(target, attempt),
    settled (target, outcome, attempt) {
      attempts.end(target, outcome, attempt)
      measured.attemptEnded(target, outcome, attempt)
    },
    ended (exchange) {
      tell(exchange)
      measured.requestEnded(exchange)
    }
  }
  // Without an SDK nothing of it is made: what would come of it goes nowhere.
  let listens = measures || (options.tracer !== undefined && options.tracer !== false)
  const isListening = (): boolean => {
    if (listens || options.tracer === false || !isSdkRegistered()) return listens
    // An SDK may come late: its tracer is behind the one that was there before.
    for (const pool of ready) pool.observe(observer)
    return (listens = true)
  }
  app.addHook('onRequest', (request, reply, done) => {
    if (isListening()) context.with(serve(tracer, request, reply, measured.server), done)
    else done()
  })
  app.addHook('onReady', async () => {
    const pools = app.hasDecorator('upstreams') ? Object.values(app.upstreams) : []
    if (isListening()) for (const pool of pools) pool.observe(observer)
    ready = pools
  })
  app.addHook('onClose', async () => { measured.stop() })
}

/** Whether spans go anywhere. */
function isSdkRegistered (): boolean {
  const provider = trace.getTracerProvider()
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(NAME) !== undefined
}
