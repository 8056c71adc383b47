import type { Clock } from '../clock.js'
import { elsewhereProperties, websocketOnly } from '../compat.js'
import type { Discovery } from '../discovery.js'
import { atLeastOne, count, flag, list, milliseconds, object, oneOrMore, text } from '../option-types.js'
import { ownName, routeProperties, shortOnly } from '../options.js'
import { paths, poolProperties, secret } from '../pool-schemas.js'
import { rule } from '../schema.js'
import { documentable, documentableProperties } from './documentable.js'

/** A source of discovery as a document can have it. */
export interface DiscoverySource {
  /** Schema of its options, without `type`. */
  readonly schema: { readonly properties: Readonly<Record<string, object>>, readonly required?: readonly string[] }
  /**
   * Makes it; loaded only when a document uses it.
   *
   * @throws BadOptionError for what the schema can not tell; its path begins with the type
   */
  readonly make: (options: Readonly<Record<string, unknown>>, clock: Clock) => Discovery | Promise<Discovery>
}

/** What a document may have besides what is always there. */
export interface Extensions {
  readonly sources: Readonly<Record<string, DiscoverySource>>
  /** In the order in which requests pass them. */
  readonly guards: Readonly<Record<string, { readonly schema: object }>>
}

const port = { type: 'integer', minimum: 0, maximum: 65535 }
export const listenTlsProperties = {
  certFile: text,
  keyFile: text,
  passphrase: secret,
  caFile: paths,
  requestCert: flag,
  rejectUnauthorized: flag,
  minVersion: { enum: ['TLSv1.2', 'TLSv1.3'] }
}

const trusted = rule('true, false, an address, a range such as 10.0.0.0/8, a list of them, or how many proxies are trusted',
  value => typeof value === 'boolean' || isTrusted(value) || (Number.isInteger(value) && Number(value) >= 0) || (Array.isArray(value) && value.length > 0 && value.every(isTrusted)),
  false, { anyOf: [flag, count, oneOrMore(text)] })

function isTrusted (value: unknown): boolean {
  return typeof value === 'string' && value.split(',').every(part => /^\s*(?:loopback|linklocal|uniquelocal|[\da-f:.]+(?:\/(?:\d+|[\d.]+))?)\s*$/i.test(part))
}

export const listenProperties = {
  host: text,
  port,
  tls: object(listenTlsProperties, ['certFile', 'keyFile']),
  http2: flag,
  trustProxy: trusted,
  bodyLimit: atLeastOne,
  keepAliveTimeout: milliseconds,
  requestTimeout: milliseconds,
  headersTimeout: milliseconds,
  connectionTimeout: milliseconds,
  maxHeaderSize: { type: 'integer', minimum: 1024 },
  caseSensitive: flag,
  ignoreTrailingSlash: flag,
  ignoreDuplicateSlashes: flag
}

export const logProperties = {
  level: { enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] },
  pretty: rule("true, false or 'auto'", value => typeof value === 'boolean' || value === 'auto', false, { anyOf: [flag, { const: 'auto' }] }),
  requests: flag
}

export const shutdownProperties = { delay: milliseconds, linger: milliseconds, grace: milliseconds }

export const adminProperties = {
  host: text,
  port,
  require: rule("'any', 'quorum', 'all' or a share from 0 to 1",
    value => ['any', 'quorum', 'all'].includes(value as string) || (typeof value === 'number' && value >= 0 && value <= 1),
    false, { anyOf: [{ enum: ['any', 'quorum', 'all'] }, { type: 'number', minimum: 0, maximum: 1 }] }),
  dashboard: flag,
  actions: flag,
  metrics: flag
}

/** Options of routes that say nothing in a document: what is parsed or checked is there for functions. */
const FOR_CODE = ['attachValidation', 'config', 'schema', 'logSerializers', 'contentTypesToEncode', 'proxyPayloads', 'explain']

/** What a document may be, in the vocabulary of `lib/schema.ts`. */
export function documentSchema ({ sources, guards }: Extensions): object {
  const guardBlock: Record<string, object> = Object.keys(guards).length === 0
    ? {}
    : { guards: object(Object.fromEntries(Object.entries(guards).map(([name, { schema }]) => [name, schema]))) }
  const plainRoute = Object.fromEntries(Object.entries(documentableProperties(routeProperties)).filter(([name]) => !FOR_CODE.includes(name)))
  const discovery: Record<string, object> = Object.keys(sources).length === 0 ? {} : { discovery: discoverySchema(sources) }
  return object({
    listen: object(listenProperties),
    log: object(logProperties),
    workers,
    admin: object(adminProperties),
    shutdown: object(shutdownProperties),
    pools: {
      type: 'object',
      propertyNames: ownName,
      minProperties: 1,
      additionalProperties: object({ ...documentableProperties(poolProperties), ...discovery })
    },
    routes: {
      ...list,
      uniqueItems: false,
      items: { ...object({ ...plainRoute, pool: text, ...guardBlock, ...shortOnly, ...elsewhereProperties }, ['pool']), ...documentable(websocketOnly) }
    },
    ...guardBlock
  }, ['pools', 'routes'])
}

/** Processes at most. */
export const MOST_WORKERS = 256

const workers = rule(`an integer from 1 to ${MOST_WORKERS}, or 'auto'`,
  value => value === 'auto' || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MOST_WORKERS),
  false, { anyOf: [{ type: 'integer', minimum: 1, maximum: MOST_WORKERS }, { const: 'auto' }] })

/** An object whose `type` says which others it may have. */
function discoverySchema (sources: Extensions['sources']): object {
  const types = Object.keys(sources)
  return {
    type: 'object',
    properties: { type: { enum: types } },
    required: ['type'],
    allOf: types.map(type => {
      const { properties, required = [] } = sources[type]?.schema ?? { properties: {} }
      return {
        if: { type: 'object', properties: { type: { const: type } }, required: ['type'] },
        then: object({ type: { const: type }, ...properties }, required)
      }
    })
  }
}
