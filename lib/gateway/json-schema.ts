import { isObject } from '../option-types.js'
import { DESCRIPTIONS } from './descriptions.js'
import { documentSchema, type Extensions } from './schema.js'

type Schema = Readonly<Record<string, unknown>>

const VARIABLE = { $ref: '#/definitions/variable' }

/**
 * The JSON Schema of documents, in draft 7, which all editors know. It says what the schemas of the options say, as far as JSON Schema
 * can; `check` knows more.
 */
export function gatewaySchema (extensions: Extensions): Schema {
  const schema = published(documentSchema(extensions) as Schema, [])
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'https://unpkg.com/fastify-balancer/dist/gateway.schema.json',
    title: 'fastify-balancer gateway',
    description: 'What fastify-balancer start takes: where clients come in, pools of targets, and the routes that lead to them.',
    ...schema,
    definitions: {
      // eslint-disable-next-line no-template-curly-in-string -- the form of a variable, for people
      variable: { type: 'string', pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}', description: 'A variable of the environment: ${NAME} or ${NAME:-default}.' }
    }
  }
}

/** One option, with what is said of it. */
function option (schema: Schema, path: readonly string[]): Schema {
  const description = DESCRIPTIONS[path.join('.')]
  if (description === undefined) return open(published(schema, path))
  const [text, ...standard] = description
  return { description: text, ...(standard.length === 0 ? undefined : { default: standard[0] }), ...open(published(schema, path)) }
}

function published (schema: Schema, path: readonly string[]): Schema {
  const { passes, json, if: condition, then, else: other, properties, additionalProperties, items, allOf, ...rest } = schema as Record<string, Schema>
  // A rule has an object of its own, which may not be copied.
  if (json !== undefined) return opened(json)
  if (passes !== undefined) return {}
  if (condition === isObject as unknown || isConst(condition)) {
    const branches = [then ?? condition, other].filter((branch): branch is Schema => branch !== undefined && branch !== isObject as unknown)
      .map(branch => published(branch, path))
    return { ...rest, ...(branches.length === 1 ? branches[0] : { anyOf: branches }) }
  }
  return {
    ...rest,
    ...(properties === undefined ? undefined : { properties: publishedProperties(properties as Record<string, Schema>, path) }),
    ...(additionalProperties === undefined ? undefined : { additionalProperties: typeof additionalProperties === 'boolean' ? additionalProperties : refuses(additionalProperties) ? false : published(additionalProperties, [...path, '*']) }),
    ...(items === undefined ? undefined : { items: open(published(items, [...path, '*'])) }),
    ...(rest['propertyNames'] === undefined ? undefined : { propertyNames: published(rest['propertyNames'] as Schema, path) }),
    ...(allOf === undefined ? undefined : { allOf: (allOf as unknown as Schema[]).map(each => ({ if: each['if'], then: published(each['then'] as Schema, [...path, typeOf(each)]) })) })
  }
}

function publishedProperties (properties: Readonly<Record<string, Schema>>, path: readonly string[]): Schema {
  return Object.fromEntries(Object.entries(properties).filter(([, schema]) => !refuses(schema) && schema['deprecated'] !== true)
    .map(([name, schema]) => [name, option(schema, [...path, name])]))
}

function refuses (schema: Schema): boolean {
  return schema['refused'] !== undefined
}

function isConst (schema: Schema | undefined): boolean {
  return schema !== undefined && Object.keys(schema).join() === 'const'
}

/** Which of several kinds of an object a branch is for. */
function typeOf (branch: Schema): string {
  const { properties: { type } } = branch['then'] as { properties: { type: { const: string } } }
  return type.const
}

/** A variable may stand for whatever is not an object or a list, or any text. */
function open (schema: Schema): Schema {
  const branches = schema['anyOf'] as Schema[] | undefined
  if (branches !== undefined) return branches.some(closed) ? { ...schema, anyOf: [...branches, VARIABLE] } : schema
  if (!closed(schema)) return schema
  const { description, default: standard, ...rest } = schema
  return { ...(description === undefined ? undefined : { description }), ...(standard === undefined ? undefined : { default: standard }), anyOf: [rest, VARIABLE] }
}

/** All that is within a schema which is one already. */
function opened (schema: Schema): Schema {
  const { properties, items, anyOf } = schema as { properties?: Record<string, Schema>, items?: Schema, anyOf?: Schema[] }
  return {
    ...schema,
    ...(properties === undefined ? undefined : { properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, open(opened(each))])) }),
    ...(items === undefined ? undefined : { items: open(opened(items)) }),
    ...(anyOf === undefined ? undefined : { anyOf: anyOf.map(opened) })
  }
}

function closed (schema: Schema): boolean {
  const { type } = schema
  if (schema['anyOf'] !== undefined) return (schema['anyOf'] as Schema[]).some(closed)
  return ['number', 'integer', 'boolean'].includes(type as string) || (type === 'string' && schema['pattern'] !== undefined) || 'enum' in schema || 'const' in schema
}
