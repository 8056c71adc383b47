/** The parts that are measured, as somebody gets them who installs the package. */
import type * as clock from '../../lib/clock.js'
import type * as pool from '../../lib/pool.js'
import type * as settings from '../../lib/pool-settings.js'
import type * as selection from '../../lib/selection.js'
import type * as target from '../../lib/target.js'

export type Build =
  & Pick<typeof clock, 'systemClock'>
  & Pick<typeof pool, 'Pool'>
  & Pick<typeof settings, 'poolSettings'>
  & Pick<typeof selection, 'Selection'>
  & Pick<typeof target, 'Target'>

/** @param directory of compiled files, as a URL that ends with a slash */
export async function load (directory: string): Promise<Build> {
  const [{ systemClock }, { Pool }, { poolSettings }, { Selection }, { Target }] = await Promise.all(
    ['clock', 'pool', 'pool-settings', 'selection', 'target'].map(async name => await import(new URL(`${name}.js`, directory).href))
  ) as [typeof clock, typeof pool, typeof settings, typeof selection, typeof target]
  return { systemClock, Pool, poolSettings, Selection, Target }
}
