import Fastify from 'fastify'
import { applyGuards, type GuardContext } from '../guards/index.js'
import type { Upstreams } from '../plugin.js'
import { optionPath, type Mistake } from '../schema.js'
import { mistakeOf } from './problems.js'
import type { DocumentRoute, GatewayDocument } from './types.js'

type Block = NonNullable<GatewayDocument['guards']>

/** What the guards for all routes go by; see `GuardContext`. No route begins like that. */
export const FOR_ALL = 'all'

/** What the guards of a route go by: the same in every process, wherever in the list the route is. */
export function guardName ({ prefix = '', constraints = {}, httpMethods, routes }: DocumentRoute): string {
  const conditions = Object.entries(constraints).map(([name, value]) => `${name}=${String(value)}`).sort()
  const paths = routes === undefined ? [] : [[...routes].sort().join()]
  return [prefix === '' ? '/' : prefix, ...conditions, ...(httpMethods === undefined ? [] : [[...httpMethods].sort().join()]), ...paths].join(' ')
}

/**
 * What is wrong with guards whose form is right. They are applied to apps that never serve: files are read, and nobody is connected to.
 *
 * @param sound whether nothing is wrong with what is at a path
 */
export async function guardMistakes ({ guards, pools, routes }: GatewayDocument, sound: (...path: string[]) => boolean): Promise<Mistake[]> {
  const blocks = [{ at: [] as string[], block: guards }, ...(Array.isArray(routes) ? routes : []).map((route: DocumentRoute | null, i) => ({ at: ['routes', String(i)], block: route?.guards }))]
  const known = Object.keys(pools ?? {})
  const found: Mistake[] = []
  for (const { at, block } of blocks) {
    if (block === undefined || block === null || !sound(...at, 'guards')) continue
    const pool = (block['forwardAuth'] as { readonly pool?: string } | undefined)?.pool
    if (pool !== undefined && !known.includes(pool)) {
      found.push({ path: [...at, 'guards', 'forwardAuth', 'pool'], kind: 'value', message: `'${pool}' is not a pool, must be one of ${known.join(', ') || 'none'}` })
    }
    const around = at.length > 0 && guards?.['compress'] !== undefined && sound('guards') ? { compress: guards['compress'] as object } : {}
    for (const [name, options] of Object.entries(block)) found.push(...await refusedBy(around, { [name]: options }, [...at, 'guards', name]))
  }
  return found
}

/** @param around what the scope around has */
async function refusedBy (around: Block, block: Block, path: readonly string[]): Promise<Mistake[]> {
  const app = Fastify()
  const context: GuardContext = { app, pools: {} as Upstreams }
  try {
    await applyGuards(app, around as object, context)
    await app.register(async scope => { await applyGuards(scope, block as object, context) })
    return []
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // Of a plugin: it knows its options, and not where they stand.
    if (code !== 'FST_BALANCER_BAD_OPTION') return [{ path, kind: 'value', message }]
    const mistake = mistakeOf(error)
    // Hooks that are there for code begin with their own name.
    const [first] = mistake.path
    return [{ ...mistake, path: [...path.slice(0, first === 'guards' ? -2 : first === path.at(-1) ? -1 : undefined), ...mistake.path] }]
  } finally {
    await app.close()
  }
}

/** An error of a guard, with where the guard stands in the document. */
export function guardError (error: unknown, ...path: string[]): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'FST_BALANCER_BAD_OPTION' && message.startsWith('guards.')) Object.assign(error as Error, { message: `${optionPath(...path)}.${message}` })
  return error
}
