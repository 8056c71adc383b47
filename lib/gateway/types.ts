import type { RouteOptions } from '../options.js'
import type { PoolOptions } from '../pool-options.js'
import type { ReadinessOptions } from '../readiness.js'

/** TLS of the listener. Files are read anew when they change. */
export interface ListenTlsOptions {
  /** Path of the certificate in PEM, followed by those between it and its authority. */
  readonly certFile: string
  /** Path of its key in PEM. */
  readonly keyFile: string
  /** What the key is encrypted with. Default: it is not. */
  readonly passphrase?: string
  /** Path, or paths, of the authorities that clients' certificates must come from. */
  readonly caFile?: string | readonly string[]
  /** Asks clients for a certificate. Needs `caFile`. Default: false. */
  readonly requestCert?: boolean
  /** Whether a client without a good certificate is turned away. Default: true. */
  readonly rejectUnauthorized?: boolean
  /** Default: `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
}

/** Where clients come in. Times are in milliseconds. */
export interface ListenOptions {
  /** Default: `0.0.0.0`. */
  readonly host?: string
  /** 0 is any that is free. Default: 8080. */
  readonly port?: number
  readonly tls?: ListenTlsOptions
  /** Speaks HTTP/2 as well. Needs `tls`. Default: false. */
  readonly http2?: boolean
  /** Whose `X-Forwarded-*` is believed; Fastify's option of that name. Default: false. */
  readonly trustProxy?: boolean | string | number | readonly string[]
  /** Bytes of a request body at most. Default: any number. */
  readonly bodyLimit?: number
  /** Idle connections are kept for so long. Default: 72000. */
  readonly keepAliveTimeout?: number
  /** For a whole request, body included; 0 is off. Default: 0. */
  readonly requestTimeout?: number
  /** For the header fields of a request. Default: 60000. */
  readonly headersTimeout?: number
  /** Silence that ends a connection; 0 is off. Default: 0. */
  readonly connectionTimeout?: number
  /** Bytes of a request's header fields at most. Default: 16384. */
  readonly maxHeaderSize?: number
  /** Default: true. */
  readonly caseSensitive?: boolean
  /** Default: false. */
  readonly ignoreTrailingSlash?: boolean
  /** Default: false. */
  readonly ignoreDuplicateSlashes?: boolean
}

export interface LogOptions {
  /** Default: `info`. */
  readonly level?: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
  /** For people and not for machines, through pino-pretty; `auto`: on a terminal, if it is installed. Default: `auto`. */
  readonly pretty?: boolean | 'auto'
  /** A line for each request; without it only those that failed within the gateway have one. Default: true. */
  readonly requests?: boolean
}

/** A listener for operators: `/live`, `/ready` and `/status`, and what else is asked for. */
export interface AdminOptions {
  /** Default: `127.0.0.1`. */
  readonly host?: string
  /** Default: 9090. */
  readonly port?: number
  /** What a pool needs in order to be ready. Default: `any`. */
  readonly require?: ReadinessOptions['require']
  /** A page and a status API under `/dashboard`, in a gateway of one process. Default: false. */
  readonly dashboard?: boolean
  /** Whether targets can be drained, ejected and weighed there. Default: false. */
  readonly actions?: boolean
  /** `/metrics` for Prometheus. Needs prom-client. Default: false. */
  readonly metrics?: boolean
}

/** A gateway without code: what `gateway.yaml` holds, after variables were replaced. */
export interface GatewayDocument {
  readonly listen?: ListenOptions
  readonly log?: LogOptions
  /** Processes that serve; `auto` is as many as there are cores for them. Default: 1. */
  readonly workers?: number | 'auto'
  readonly admin?: AdminOptions
  /** How it stops, in milliseconds; see `shutdown`. Default: `{ delay: 0, linger: 500, grace: 10000 }`. */
  readonly shutdown?: { readonly delay?: number, readonly linger?: number, readonly grace?: number }
  readonly pools: Readonly<Record<string, DocumentPool>>
  readonly routes: readonly DocumentRoute[]
  /** For all routes. */
  readonly guards?: Readonly<Record<string, unknown>>
}

/** The options of a pool that are no functions. */
export interface DocumentPool extends Omit<PoolOptions, 'targets' | 'observers' | 'discovery'> {
  readonly targets?: PoolOptions['targets']
  readonly discovery?: { readonly type: string } & Readonly<Record<string, unknown>>
}

export interface DocumentRoute extends RouteOptions {
  readonly pool: string
  /** For this route, after those for all. */
  readonly guards?: Readonly<Record<string, unknown>>
}
