import type { Test } from 'tap'
import { pool, refuses } from './refusal.js'

/** Asserts for each of these values of an option of a pool what stands behind `pools.users.<option>` in the message. */
export async function refusesEach (t: Test, option: string, table: ReadonlyArray<readonly [value: unknown, message: string]>): Promise<void> {
  for (const [value, message] of table) await refuses(t, pool({ [option]: value }), `pools.users.${option}${message}`)
}
