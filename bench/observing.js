import diagnostics from 'node:diagnostics_channel'
import { get } from 'node:http'
import { context, metrics, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base'
import { LogController } from 'fastify'
import pino from 'pino'
import openTelemetry from '../dist/opentelemetry/index.js'
import prometheus from '../dist/prometheus/index.js'
import { status } from '../dist/status/index.js'

const CHANNELS = ['attempt:start', 'attempt:end', 'exchange:end', 'health', 'membership']

/** Options of Fastify. Lines are written as they are to any file: those that come while others are on their way go together; its own two for each request are left out unless asked for. */
export function serverOptions (observing) {
  const logger = observing.includes('buffered') ? { stream: pino.destination({ dest: '/dev/null', sync: false, minLength: 4096 }) } : { file: '/dev/null' }
  if (observing.includes('own lines')) return { logger }
  return ['log', 'logger', 'bare line'].some(name => observing.includes(name)) ? { logger, logController: new LogController({ disableRequestLogging: true }) } : {}
}

/** Options of the plugin. */
export const pluginOptions = observing => ({
  requestLog: observing.includes('log'),
  ...observing.includes('explain') && { explain: true },
  ...observing.includes('explain for nobody') && { explain: () => false }
})

/** Where a bare line is written, for comparison. */
const bare = (request, _reply, done) => {
  request.log.info('request forwarded')
  done()
}

/** Before the balancer and its routes. */
export async function observeBefore (app, observing) {
  const sdk = observing.find(name => name.startsWith('sdk '))
  if (sdk !== undefined) startSdk(Number(sdk.slice(4)))
  if (observing.includes('bare line')) app.addHook('onResponse', bare)
  if (observing.includes('opentelemetry')) await app.register(openTelemetry)
  if (observing.includes('diagnostics')) for (const name of CHANNELS) diagnostics.channel(`fastify-balancer:${name}`).subscribe(() => {})
}

export async function observeAfter (app, observing) {
  if (observing.includes('prometheus')) await app.register(prometheus)
  if (observing.includes('status')) await app.register(status, { prefix: '/_status' })
}

/** Those who look. */
export function look (url, observing) {
  if (observing.includes('prometheus')) setInterval(() => { get(`${url}/metrics`, answer => { answer.resume() }) }, 1000)
  if (observing.includes('status')) get(`${url}/_status/api/events`, answer => { answer.resume() })
}

/** Spans and metrics are made and handed over as in earnest; only that nobody gets them. */
function startSdk (ratio) {
  const taken = (_items, done) => { done({ code: 0 }) }
  const nowhere = { export: taken, async forceFlush () {}, async shutdown () {} }
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(new BasicTracerProvider({
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new BatchSpanProcessor(nowhere, { maxQueueSize: 100_000, scheduledDelayMillis: 500 })]
  }))
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter: nowhere, exportIntervalMillis: 1000, exportTimeoutMillis: 900 })] }))
}
