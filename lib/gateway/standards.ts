/** Defaults of what belongs to the gateway itself. Those of pools and routes are their own. Times are in milliseconds. */
export const LISTEN = {
  host: '0.0.0.0',
  port: 8080,
  http2: false,
  trustProxy: false,
  keepAliveTimeout: 72_000,
  requestTimeout: 0,
  headersTimeout: 60_000,
  connectionTimeout: 0,
  maxHeaderSize: 16_384
} as const

export const LISTEN_TLS = { requestCert: false, rejectUnauthorized: true, minVersion: 'TLSv1.2' } as const

export const ADMIN = { host: '127.0.0.1', port: 9090, require: 'any', dashboard: false, actions: false, metrics: false } as const

export const SHUTDOWN = { delay: 0, linger: 500, grace: 10_000 } as const

export const LOG = { level: 'info', pretty: 'auto', requests: true } as const
