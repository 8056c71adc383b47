import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../clock.js'
import type { Discovery } from '../discovery.js'
import { BadOptionError } from '../errors.js'
import { optionPath } from '../schema.js'
import type { Extensions } from './schema.js'
import type { DocumentPool, GatewayDocument } from './types.js'

type Block = NonNullable<DocumentPool['discovery']>

/** The sources of a document by the names of their pools. */
export type SourcesByPool = ReadonlyMap<string, Discovery>

/**
 * Makes the source that a pool of a document has.
 *
 * @throws BadOptionError with the path in the document
 */
export async function makeSource (pool: string, { type, ...options }: Block, { sources }: Pick<Extensions, 'sources'>, clock: Clock): Promise<Discovery> {
  const source = sources[type]
  const path = optionPath('pools', pool, 'discovery')
  if (source === undefined) throw BadOptionError(`${path}.type: '${type}', must be one of ${Object.keys(sources).join(', ')}`)
  try {
    return await source.make(options, clock)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw code === 'FST_BALANCER_BAD_OPTION' && message.startsWith(`${type}.`) ? BadOptionError(path + message.slice(type.length)) : error
  }
}

/**
 * The sources of a gateway. A pool knows its source by identity, and goes on with one that stays: so what is said of one in the same
 * words is the same one.
 */
export class Sources {
  readonly #extensions: Extensions
  readonly #clock: Clock
  #known: ReadonlyMap<string, { readonly block: Block, readonly source: Discovery }> = new Map()

  constructor (extensions: Extensions, clock: Clock) {
    this.#extensions = extensions
    this.#clock = clock
  }

  /**
   * @returns the sources of a document, which are those of before from `commit` on
   * @throws BadOptionError with the path in the document
   */
  async prepare (pools: GatewayDocument['pools']): Promise<{ readonly sources: SourcesByPool, readonly commit: () => void }> {
    const next = new Map<string, { readonly block: Block, readonly source: Discovery }>()
    for (const [name, { discovery: block }] of Object.entries(pools)) {
      if (block === undefined) continue
      const known = this.#known.get(name)
      next.set(name, isDeepStrictEqual(known?.block, block) && known !== undefined ? known : { block, source: await makeSource(name, block, this.#extensions, this.#clock) })
    }
    return {
      sources: new Map([...next].map(([name, { source }]) => [name, source])),
      commit: () => { this.#known = next }
    }
  }
}

/** The options of a document's pools as code would give them. */
export function withSources (pools: GatewayDocument['pools'], sources: SourcesByPool): Record<string, Omit<DocumentPool, 'discovery'> & { readonly discovery?: Discovery }> {
  return Object.fromEntries(Object.entries(pools).map(([name, { discovery: _, ...options }]) => {
    const source = sources.get(name)
    return [name, source === undefined ? options : { ...options, discovery: source }]
  }))
}
