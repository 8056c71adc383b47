import type { FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { BadOptionError, show } from '../errors.js'
import type { OpenTelemetryOptions } from './instrument.js'

export type { OpenTelemetryOptions } from './instrument.js'

/**
 * Traces and measures an app and the pools in it: a server span per request, a client span per attempt, the context passed on
 * to the targets. To be registered before the routes, and before `fastify-balancer`.
 *
 * @throws BadOptionError
 * @throws Error when `@opentelemetry/api` is not installed
 */
const plugin: FastifyPluginAsync<OpenTelemetryOptions> = async (app, options = {}) => {
  const [unknown] = Object.keys(options).filter(name => name !== 'tracer' && name !== 'meter')
  if (unknown !== undefined) throw BadOptionError(`${unknown}: unknown option, allowed are tracer, meter`)
  check('tracer', options.tracer, 'startSpan')
  check('meter', options.meter, 'createHistogram')
  const { instrument } = await import('./instrument.js').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error('fastify-balancer/opentelemetry needs @opentelemetry/api: npm install @opentelemetry/api', { cause: error })
  })
  instrument(app, options)
}

function check (name: keyof OpenTelemetryOptions, value: unknown, method: string): void {
  if (value === undefined || value === false) return
  if (typeof (value as Record<string, unknown> | null)?.[method] !== 'function') {
    throw BadOptionError(`${name}: ${show(value)}, must be a ${name} of @opentelemetry/api, or false`)
  }
}

export const openTelemetry = fastifyPlugin(plugin, { fastify: '5.x', name: 'fastify-balancer-opentelemetry' }) as FastifyPluginAsync<OpenTelemetryOptions>
export default openTelemetry
