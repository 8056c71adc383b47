/** Pieces that the schemas of options are made of. */
import { rule, type RuleSchema } from './schema.js'

export const anything = {}
/** Longer timers fire at once, with a warning. */
export const LONGEST_TIMER = 2 ** 31 - 1
export const milliseconds = { type: 'number', minimum: 0, maximum: LONGEST_TIMER }
export const wholeMilliseconds = { type: 'integer', minimum: 0, maximum: LONGEST_TIMER }
export const count = { type: 'integer', minimum: 0 }
export const atLeastOne = { type: 'integer', minimum: 1 }
export const share = { type: 'number', minimum: 0, maximum: 1 }
export const flag = { type: 'boolean' }
export const text = { type: 'string', minLength: 1 }
export const list = { type: 'array', minItems: 1, uniqueItems: true }
export const someObject = { type: 'object' }
export const isObject = rule('an object', value => typeof value === 'object' && value !== null && !Array.isArray(value), true, { type: 'object' })
export const func = rule('a function', isFunction)

export function isFunction (value: unknown): boolean {
  return typeof value === 'function'
}

/** A text of a certain form. Without flags, which JSON Schema does not have. */
export function matching (allowed: string, pattern: RegExp, secret = false): RuleSchema {
  return rule(allowed, isText(pattern), secret, { type: 'string', pattern: pattern.source })
}

/** What may be written once, or as a list. */
export function oneOrMore (item: object): object {
  return { anyOf: [item, { type: 'array', minItems: 1, items: item }] }
}

export function isText (pattern: RegExp): (value: unknown) => boolean {
  return value => typeof value === 'string' && pattern.test(value)
}

export function object (properties: Record<string, object>, required: readonly string[] = []): object {
  return { type: 'object', properties, required, additionalProperties: false }
}
