import { context, propagation, trace, metrics } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader, type MetricData } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan, type SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Test } from 'tap'

export interface Sdk {
  /** Finished spans, in the order of their ends. */
  readonly spans: () => ReadableSpan[]
  /** Begun and not ended. */
  readonly open: () => number
  readonly tracer: BasicTracerProvider
  /** What the metrics are now. */
  readonly metrics: () => Promise<MetricData[]>
}

/** An SDK that keeps everything in memory; it is the process's own until the test ends. */
export function sdk (t: Test): Sdk {
  let open = 0
  const counting: SpanProcessor = {
    onStart () { open++ },
    onEnd () { open-- },
    async forceFlush () {},
    async shutdown () {}
  }
  const exporter = new InMemorySpanExporter()
  const tracer = new BasicTracerProvider({ spanProcessors: [counting, new SimpleSpanProcessor(exporter)] })
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 })
  const meters = new MeterProvider({ readers: [reader] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }))
  trace.setGlobalTracerProvider(tracer)
  metrics.setGlobalMeterProvider(meters)
  t.teardown(async () => {
    context.disable()
    propagation.disable()
    trace.disable()
    metrics.disable()
    await tracer.shutdown()
    await meters.shutdown()
  })
  return {
    spans: () => exporter.getFinishedSpans(),
    open: () => open,
    tracer,
    async metrics () {
      metricExporter.reset()
      await reader.forceFlush()
      return metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    }
  }
}
