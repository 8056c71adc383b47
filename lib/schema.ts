import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { BadOptionError, show } from './errors.js'

/** One validator for option objects: JSON Schema, and `typeof` for what JSON has no word for. */
const ajv = new Ajv({ verbose: true, allowUnionTypes: true })
ajv.addKeyword({
  keyword: 'typeof',
  schemaType: ['string', 'array'],
  validate: (wanted: string | string[], value: unknown) => wanted.includes(typeof value) && value !== null,
  errors: false
})

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

/** `pools.users.targets[1].weight: -1, must be >= 0` */
function describe (error: ErrorObject): string {
  const path = optionPath(error.instancePath)
  const params = error.params as Record<string, unknown>
  const schema = error.parentSchema ?? {}
  switch (error.keyword) {
    case 'additionalProperties':
      return `${joined(path, String(params['additionalProperty']))}: unknown option, allowed are ${Object.keys(schema['properties'] as object).join(', ')}`
    case 'required':
      return `${joined(path, String(params['missingProperty']))}: missing, must be given`
    case 'enum':
      return `${path}: ${show(error.data)}, must be one of ${(params['allowedValues'] as unknown[]).map(show).join(', ')}`
    case 'const':
      return `${path}: ${show(error.data)}, must be ${show(params['allowedValue'])}`
    case 'typeof':
      return `${path}: ${show(error.data)}, must be a ${[schema['typeof']].flat().join(' or ')}`
    default:
      return `${path}: ${show(error.data)}, ${error.message ?? 'is not allowed'}`
  }
}

/** A JSON pointer as it would be written in JavaScript. */
function optionPath (pointer: string): string {
  return pointer.split('/').slice(1).map(part => part.replaceAll('~1', '/').replaceAll('~0', '~')).reduce(joined, '')
}

function joined (path: string, part: string): string {
  if (/^\d+$/.test(part)) return `${path}[${part}]`
  if (!/^[\w$-]+$/.test(part)) return `${path}['${part}']`
  return path === '' ? part : `${path}.${part}`
}
