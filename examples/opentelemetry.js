// One trace: the client's request, an attempt that could not connect, and the one that was answered.
import { propagation, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import Fastify from 'fastify'
import balancer from 'fastify-balancer'
import openTelemetry from 'fastify-balancer/opentelemetry'

// An app of yours would have the SDK send them to a collector.
const exporter = new InMemorySpanExporter()
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
propagation.setGlobalPropagator(new W3CTraceContextPropagator())

let told
const upstream = Fastify().get('/*', async ({ headers }) => { told = headers.traceparent })
const target = await upstream.listen({ port: 0, host: '127.0.0.1' })

const app = Fastify()
await app.register(openTelemetry)
await app.register(balancer, { prefix: '/api', policy: 'first', targets: ['http://127.0.0.1:1', target] })
const url = await app.listen({ port: 0, host: '127.0.0.1' })

await (await fetch(`${url}/api/x?token=secret`)).text()
await app.close()
const [first, second, server] = exporter.getFinishedSpans()
for (const { name, attributes } of [first, second]) {
  console.log(`${name}: ${attributes['fastify_balancer.outcome']}, ${attributes['fastify_balancer.why']}, ${attributes['error.type'] ?? attributes['http.response.status_code']}`)
}
console.log(`${server.name}: ${server.attributes['fastify_balancer.reason']}, ${server.attributes['http.response.status_code']}`)
const below = [first, second].every(span => span.parentSpanContext?.spanId === server.spanContext().spanId)
if (below && told.includes(second.spanContext().spanId)) console.log('both attempts are children of the request, and the target was told of the second one')
await upstream.close()
