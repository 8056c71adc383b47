import { optional, type Guard } from './guard.js'

type HelmetOptions = Readonly<Record<string, boolean | object>>

const either = (description: string): object => ({ anyOf: [{ type: 'boolean' }, { type: 'object' }], default: true, description })
const flag = (description: string): object => ({ type: 'boolean', default: true, description })

/** @fastify/helmet. Of a field that the upstream sets too, its own is sent: it knows its pages. */
export const helmet: Guard<HelmetOptions> = {
  schema: {
    type: 'object',
    description: 'Header fields of answers that make browsers more careful. Each is on unless it is false; an object has its settings. Needs @fastify/helmet.',
    additionalProperties: false,
    properties: {
      contentSecurityPolicy: either('Content-Security-Policy: { directives, useDefaults, reportOnly }.'),
      crossOriginEmbedderPolicy: { anyOf: [{ type: 'boolean' }, { type: 'object' }], default: false, description: 'Cross-Origin-Embedder-Policy: { policy }.' },
      crossOriginOpenerPolicy: either('Cross-Origin-Opener-Policy: { policy }.'),
      crossOriginResourcePolicy: either('Cross-Origin-Resource-Policy: { policy }.'),
      originAgentCluster: flag('Origin-Agent-Cluster.'),
      referrerPolicy: either('Referrer-Policy: { policy }.'),
      strictTransportSecurity: either('Strict-Transport-Security: { maxAge (seconds), includeSubDomains, preload }.'),
      xContentTypeOptions: flag('X-Content-Type-Options: nosniff.'),
      xDnsPrefetchControl: either('X-DNS-Prefetch-Control: { allow }.'),
      xDownloadOptions: flag('X-Download-Options: noopen.'),
      xFrameOptions: either('X-Frame-Options: { action }.'),
      xPermittedCrossDomainPolicies: either('X-Permitted-Cross-Domain-Policies: { permittedPolicies }.'),
      xXssProtection: flag('X-XSS-Protection: 0.')
    }
  },

  async apply (scope, options) {
    const { default: plugin } = await optional('helmet', '@fastify/helmet', async () => await import('@fastify/helmet'))
    await scope.register(plugin, options)
  }
}
