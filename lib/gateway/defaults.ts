import { stringify } from 'yaml'
import { gatewaySchema } from './json-schema.js'
import type { Extensions } from './schema.js'

type Schema = Readonly<Record<string, unknown>>

/** What has no default, and has to be there: an example of each. */
const EXAMPLES: Readonly<Record<string, unknown>> = { 'pools.*.targets': ['http://127.0.0.1:3000'], 'routes.*.pool': 'default' }

/** Everything below these is off unless it is given: it is shown as a comment. */
const OFF = new Set(['listen.tls', 'admin', 'pools.*.health', 'pools.*.hedge', 'pools.*.slowStart', 'pools.*.affinity', 'pools.*.tls', 'pools.*.discovery', 'pools.*.discoveryTimeout',
  'pools.*.limits.adaptive', 'routes.*.deadline', 'routes.*.wsClientOptions', 'routes.*.replyOptions', 'guards', 'routes.*.guards'])

/** Where a text is one of several forms, defaults are those of its object. */
const AS_OBJECT = new Set(['pools.*.retries', 'pools.*.breaker', 'pools.*.retries.budget'])

/** A whole document in YAML: every option with its default, and those without one as comments. `check` accepts it. */
export function defaultsText (extensions: Extensions): string {
  const { properties } = gatewaySchema(extensions) as { properties: Record<string, Schema> }
  return [
    '# yaml-language-server: $schema=https://unpkg.com/fastify-balancer/dist/gateway.schema.json',
    '# Every option with its default. What is commented out has none, or is off unless it is given.',
    ...lines(properties, [], '', false)
  ].join('\n') + '\n'
}

function lines (properties: Readonly<Record<string, Schema>>, path: readonly string[], indent: string, off: boolean): string[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const at = [...path, name]
    const key = at.join('.')
    const standard = EXAMPLES[key] ?? schema['default']
    const description = `${indent}# ${String(schema['description'] ?? '')}`
    const isOff = off || OFF.has(key)
    const before = `${indent}${isOff ? '# ' : ''}`
    const kinds = schema['allOf'] as ReadonlyArray<{ readonly if: Schema, readonly then: Schema }> | undefined
    if (kinds !== undefined) {
      return [description, ...kinds.flatMap(({ if: { properties }, then }) => {
        const type = String((properties as Record<string, Schema>)['type']?.['const'])
        const { type: _, ...options } = nestedIn(then) ?? {}
        return [`${before}${name}:`, `${before}  type: ${type}`, ...lines(options, [...at, type], `${before}  `, true)]
      })]
    }
    const nested = standard === undefined || AS_OBJECT.has(key) ? nestedIn(schema) : undefined
    if (key === 'pools') return [description, `${indent}pools:`, `${indent}  default:`, ...lines(nestedIn(schema.additionalProperties as Schema) ?? {}, [...at, '*'], `${indent}    `, off)]
    if (key === 'routes') {
      const items = lines(nestedIn((schema['items'] as Schema)) ?? {}, [...at, '*'], `${indent}    `, off)
      return [description, `${indent}routes:`, `${indent}  -`, ...items]
    }
    if (nested !== undefined && Object.keys(nested).length > 0) return [description, `${before}${name}:`, ...lines(nested, at, `${before}  `, isOff && !before.endsWith('# ') ? true : isOff).map(line => line)]
    if (standard === undefined) return [description, `${indent}${isOff && indent.includes('#') ? '' : '# '}${name}:`]
    return [description, `${before}${name}: ${stringify(standard, { collectionStyle: 'flow', flowCollectionPadding: false }).trim()}`]
  })
}

function nestedIn (schema: Schema): Record<string, Schema> | undefined {
  if (schema['properties'] !== undefined) return schema['properties'] as Record<string, Schema>
  const branches = schema['anyOf'] as Schema[] | undefined
  return branches?.map(nestedIn).find(properties => properties !== undefined)
}
