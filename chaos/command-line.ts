import { parseArgs, type ParseArgsConfig } from 'node:util'

/** What the user typed can not be meant; the message says what can. */
export class UsageError extends Error {}

/** The options that were typed. @throws UsageError */
export function parsed<const Options extends NonNullable<ParseArgsConfig['options']>> (args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
