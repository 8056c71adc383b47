import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { BadOptionError, show } from './errors.js'

/** What JSON Schema has no word for: a test, and what to tell whoever does not pass it ("must be …"). */
export interface Rule {
  readonly test: (value: unknown) => boolean
  readonly allowed: string
  /** Keeps the value out of the message. */
  readonly secret?: boolean
}

/** A schema with a rule of its own, for use within others. */
export function rule (allowed: string, test: (value: unknown) => boolean, secret = false): { readonly passes: Rule } {
  return { passes: { allowed, test, secret } }
}

/** A schema that nothing passes: the option would be a mistake, for this reason. */
export function refused (reason: string): { readonly refused: string } {
  return { refused: `${reason}, must be left out` }
}

/** One validator for option objects: JSON Schema, and `passes` for a rule. */
const ajv = new Ajv({ verbose: true })
ajv.addKeyword({ keyword: 'passes', schemaType: 'object', validate: ({ test }: Rule, value: unknown) => test(value), errors: false })
// A schema whose options would be a mistake, with the reason.
ajv.addKeyword({ keyword: 'refused', schemaType: 'string', validate: () => false, errors: false })

const validators = new WeakMap<object, ValidateFunction>()

/** @throws BadOptionError for the first thing in `value` that `schema` does not allow */
export function check (schema: object, value: unknown): void {
  let validate = validators.get(schema)
  if (validate === undefined) {
    validate = ajv.compile(schema)
    validators.set(schema, validate)
  }
  if (validate(value)) return
  const [error] = validate.errors ?? []
  if (error !== undefined) throw BadOptionError(describe(error))
}

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  integer: 'an integer',
  number: 'a finite number',
  object: 'an object',
  string: 'a text'
}

/** `pools.users.targets[1].weight: -1, must be >= 0` */
function describe (error: ErrorObject): string {
  const parts = error.instancePath.split('/').slice(1).map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const path = optionPath(...parts) || 'options'
  const params = error.params as Record<string, unknown>
  const schema = error.parentSchema ?? {}
  const properties = Object.entries(schema['properties'] as Record<string, object> ?? {})
    .filter(([, property]) => !('refused' in property || 'deprecated' in property)).map(([name]) => name).join(', ')
  // The keyword of JSON Schema for what is told and not shown, a secret for one.
  const wrong = schema['writeOnly'] === true ? `${path}: this value` : `${path}: ${show(error.data)}`
  switch (error.keyword) {
    case 'additionalProperties':
      return `${optionPath(...parts, String(params['additionalProperty']))}: unknown option, allowed are ${properties}`
    case 'required':
    case 'dependencies':
      return `${optionPath(...parts, String(params['missingProperty']))}: missing, must be given${params['property'] === undefined ? '' : ` with ${String(params['property'])}`}`
    case 'refused':
      return `${path}: ${String(error.schema)}`
    case 'passes': {
      const { allowed, secret } = error.schema as Rule
      if (secret === true) return `${path}: must be ${allowed}`
      // The schema of property names tests names: theirs is the path.
      if (error.propertyName !== undefined) return `${optionPath(...parts, error.propertyName)}: the name must be ${allowed}`
      return `${wrong}, must be ${allowed}`
    }
    case 'enum':
      return `${wrong}, must be one of ${(params['allowedValues'] as unknown[]).map(show).join(', ')}`
    case 'const':
      return `${wrong}, must be ${show(params['allowedValue'])}`
    case 'type':
      return `${wrong}, must be ${TYPES[String(params['type'])] ?? String(params['type'])}`
    case 'minItems':
    case 'minLength':
      return `${wrong}, must not be empty`
    case 'uniqueItems':
      return `${wrong}, must not have the same item twice`
    case 'minProperties':
    case 'maxProperties':
      return `${wrong}, must have exactly one of ${properties}`
    default:
      return `${wrong}, ${error.message ?? 'is not allowed'}`
  }
}

/** The way to an option as it would be written in JavaScript. */
export function optionPath (...parts: readonly string[]): string {
  return parts.reduce((path, part) => {
    if (/^\d+$/.test(part)) return `${path}[${part}]`
    if (!/^[\w$-]+$/.test(part)) return `${path}['${part}']`
    return path === '' ? part : `${path}.${part}`
  }, '')
}
