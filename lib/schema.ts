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
export interface RuleSchema {
  readonly passes: Rule
  /** What comes closest to it in JSON Schema alone, for editors. It may allow more, and never less. */
  readonly json?: object
}

export function rule (allowed: string, test: (value: unknown) => boolean, secret = false, json?: object): RuleSchema {
  return { passes: { allowed, test, secret }, ...(json === undefined ? undefined : { json }) }
}

/** A schema that nothing passes: the option would be a mistake, for this reason. */
export function refused (reason: string): { readonly refused: string } {
  return { refused: `${reason}, must be left out` }
}

/** A validator for option objects: JSON Schema, and `passes` for a rule. */
class Validator {
  readonly #ajv: Ajv
  readonly #compiled = new WeakMap<object, ValidateFunction>()

  constructor (allErrors: boolean) {
    this.#ajv = new Ajv({ verbose: true, allErrors })
    this.#ajv.addKeyword({ keyword: 'passes', schemaType: 'object', validate: ({ test }: Rule, value: unknown) => test(value), errors: false })
    // A schema whose options would be a mistake, with the reason.
    this.#ajv.addKeyword({ keyword: 'refused', schemaType: 'string', validate: () => false, errors: false })
    // For editors: here the rule beside it, or the code that reads the option, is more precise.
    this.#ajv.addKeyword({ keyword: 'json', schemaType: 'object' })
  }

  errors (schema: object, value: unknown): readonly ErrorObject[] {
    let validate = this.#compiled.get(schema)
    if (validate === undefined) {
      validate = this.#ajv.compile(schema)
      this.#compiled.set(schema, validate)
    }
    return validate(value) ? [] : validate.errors ?? []
  }
}

const untilFirst = new Validator(false)
const ofAll = new Validator(true)

/** @throws BadOptionError for the first thing in `value` that `schema` does not allow */
export function check (schema: object, value: unknown): void {
  const [error] = untilFirst.errors(schema, value)
  if (error === undefined) return
  const { path, message } = explain(error, show)
  throw BadOptionError(`${optionPath(...path) || 'options'}: ${message}`)
}

/** Something that a schema does not allow. */
export interface Mistake {
  /** The way to the option, which may be one that is not there. */
  readonly path: readonly string[]
  /** What is wrong with it: its value, or that it is there, or that it is not. */
  readonly kind: 'value' | 'unknown' | 'missing'
  /** What follows the path and a colon. */
  readonly message: string
}

/**
 * Everything in `value` that `schema` does not allow.
 *
 * @param quote writes a value into a message
 */
export function mistakes (schema: object, value: unknown, quote: (value: unknown, path: readonly string[]) => string): readonly Mistake[] {
  const errors = ofAll.errors(schema, value)
  // Of several that may stand alone there is more than one: that others are missing is no mistake then.
  const tooMany = errors.filter(isTooMany)
  return errors
    .filter(error => tooMany.includes(error) || !tooMany.some(({ schemaPath, instancePath }) => error.instancePath === instancePath && error.schemaPath.startsWith(`${schemaPath}/`)))
    // What they stand for has been said by the schemas within.
    .filter(error => tooMany.includes(error) || !['if', 'anyOf', 'oneOf', 'propertyNames'].includes(error.keyword))
    .map(error => explain(error, quote))
}

function isTooMany ({ keyword, params }: ErrorObject): boolean {
  return keyword === 'oneOf' && Array.isArray((params as { passingSchemas: unknown }).passingSchemas)
}

/** Patterns in words. */
const PATTERNS: Readonly<Record<string, string>> = {
  '^rediss?://': 'must begin with redis:// or rediss://',
  '^/[^\\s#]*$': "must be a path that begins with '/', without blanks and without '#'",
  '^[^:\\u0000-\\u001f\\u007f]+$': 'must not be empty, and have no colon and no control character',
  '^[\\t !#-\\[\\]-~]+$': 'must be printable ASCII without " and \\'
}

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  integer: 'an integer',
  number: 'a finite number',
  object: 'an object',
  string: 'a text'
}

function explain (error: ErrorObject, quote: (value: unknown, path: readonly string[]) => string): Mistake {
  const path = error.instancePath.split('/').slice(1).map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const params = error.params as Record<string, unknown>
  const schema = error.parentSchema ?? {}
  const properties = Object.entries(schema['properties'] as Record<string, object> ?? {})
    .filter(([, property]) => !('refused' in property || 'deprecated' in property)).map(([name]) => name).join(', ')
  const value = (message: string): Mistake => ({ path, kind: 'value', message })
  // The keyword of JSON Schema for what is told and not shown, a secret for one.
  const wrong = (must: string): Mistake => value(schema['writeOnly'] === true ? `this value, ${must}` : `${quote(error.data, path)}, ${must}`)
  switch (error.keyword) {
    case 'additionalProperties':
      return { path: [...path, String(params['additionalProperty'])], kind: 'unknown', message: `unknown option, allowed are ${properties}` }
    case 'required':
    case 'dependencies':
      return {
        path: [...path, String(params['missingProperty'])],
        kind: 'missing',
        message: `missing, must be given${params['property'] === undefined ? '' : ` with ${String(params['property'])}`}`
      }
    case 'refused':
      return { path, kind: 'unknown', message: String(error.schema) }
    case 'passes': {
      const { allowed, secret } = error.schema as Rule
      if (secret === true) return value(`must be ${allowed}`)
      // The schema of property names tests names: theirs is the path.
      if (error.propertyName !== undefined) return { path: [...path, error.propertyName], kind: 'unknown', message: `the name must be ${allowed}` }
      return wrong(`must be ${allowed}`)
    }
    case 'enum':
      return wrong(`must be one of ${(params['allowedValues'] as unknown[]).map(show).join(', ')}`)
    case 'const':
      return wrong(`must be ${show(params['allowedValue'])}`)
    case 'type':
      return wrong(`must be ${TYPES[String(params['type'])] ?? String(params['type'])}`)
    case 'minItems':
    case 'minLength': {
      const limit = Number(params['limit'])
      return wrong(limit === 1 ? 'must not be empty' : `must have at least ${limit} ${error.keyword === 'minItems' ? 'items' : 'characters'}`)
    }
    case 'pattern':
      return wrong(PATTERNS[String(error.schema)] ?? error.message ?? 'is not allowed')
    case 'oneOf': {
      const names = (error.schema as ReadonlyArray<{ readonly required?: readonly string[] }>).map(({ required = [] }) => required.join(' and '))
      const there = (params['passingSchemas'] as number[]).map(i => names[i])
      return value(`has ${there.join(' and ')}, must have only one of ${names.join(', ')}`)
    }
    case 'uniqueItems':
      return wrong('must not have the same item twice')
    case 'minProperties':
    case 'maxProperties':
      return wrong(properties === '' ? 'must not be empty' : `must have exactly one of ${properties}`)
    default:
      return wrong(error.message ?? 'is not allowed')
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
