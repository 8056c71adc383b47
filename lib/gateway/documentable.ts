import { isObject } from '../option-types.js'
import type { Rule } from '../schema.js'

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly then?: Schema
  readonly else?: Schema
  readonly passes?: Rule
  readonly refused?: string
  readonly required?: readonly string[]
  readonly [keyword: string]: unknown
}

/**
 * What a document can have of options that are for code: those that are functions are left out, and no message speaks of them.
 *
 * @returns undefined for a schema that only functions pass
 */
export function documentable (schema: object): Schema | undefined {
  // Others know it by its identity.
  if (schema === isObject) return schema as unknown as Schema
  const { properties, additionalProperties, items, then, else: other, passes, ...rest } = schema as Schema
  if (passes !== undefined && /^(?:a function|an object with a function)/.test(passes.allowed)) return undefined
  const item = items === undefined ? undefined : documentable(items)
  if (items !== undefined && item === undefined) return undefined
  const kept = properties === undefined ? undefined : documentableProperties(properties)
  if (kept !== undefined && Object.values(properties ?? {}).some(isOption) && !Object.values(kept).some(isOption)) return undefined
  return {
    ...rest,
    ...(passes === undefined ? undefined : { passes: { ...passes, allowed: withoutFunctions(passes.allowed) } }),
    ...(kept === undefined ? undefined : { properties: kept }),
    ...(additionalProperties === undefined ? undefined : { additionalProperties: typeof additionalProperties === 'boolean' ? additionalProperties : documentable(additionalProperties) ?? false }),
    ...(item === undefined ? undefined : { items: item }),
    ...(then === undefined ? undefined : { then: documentable(then) ?? {} }),
    ...(other === undefined ? undefined : { else: documentable(other) ?? {} })
  }
}

export function documentableProperties (properties: Readonly<Record<string, object>>): Record<string, Schema> {
  return Object.fromEntries(Object.entries(properties).flatMap(([name, schema]) => {
    const kept = documentable(schema)
    return kept === undefined ? [] : [[name, kept]]
  }))
}

/** Whether it is there to be given, and not to say that it must not be. */
function isOption (schema: Schema): boolean {
  return schema.refused === undefined && schema['deprecated'] !== true
}

/** What a document can not hold either is no help to whoever writes one. */
function withoutFunctions (allowed: string): string {
  return allowed.replace(/,? (?:or )?a (?:function|Buffer|regular expression)\b(?=,| or |$)/g, '')
}
