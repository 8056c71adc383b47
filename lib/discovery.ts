import { BadOptionError, show } from './errors.js'
import { targetConfig, type CompleteTarget, type TargetConfig } from './target-config.js'

/** A target as a source of discovery tells of it. */
export interface DiscoveredTarget extends TargetConfig {
  /** Still there, but to get no new requests; a text is the reason that is shown. Default: false. */
  readonly draining?: boolean | string
}

/**
 * Says which targets exist: each yield is the whole list. A source that throws has failed this time; the pool keeps the last
 * list and asks again, after 1 s the first time and 30 s at the most, or after as many milliseconds as the error has in a
 * `retryAfter`. One that returns has said all it had to say.
 *
 * @param signal ends the source; nothing that it yields after that is heard
 */
export type Discovery = (signal: AbortSignal) => AsyncIterable<ReadonlyArray<string | DiscoveredTarget>>

/** A target of a list, checked and complete. */
export interface ListedTarget extends CompleteTarget {
  /** Why it is to get no new requests; undefined when it may. */
  readonly draining?: string | undefined
}

const DRAINING = 'draining, says discovery'

/**
 * A list as a source yields it, checked. What is listed twice is one target: of one that moves between two places that are read
 * one after the other, both may tell. The first entry holds, and it drains only if all of them say so.
 *
 * @throws BadOptionError that names the entry, its value and what is allowed
 */
export function listedTargets (list: unknown): ListedTarget[] {
  if (!Array.isArray(list)) throw BadOptionError(`list: ${show(list)}, must be a list of targets`)
  const targets = new Map<string, ListedTarget>()
  // Not forEach: it would skip the holes of a sparse list.
  for (let i = 0; i < list.length; i++) {
    const target = listedTarget(list[i], `list[${i}]`)
    const before = targets.get(target.url)
    if (before === undefined) targets.set(target.url, target)
    else if (target.draining === undefined) targets.set(target.url, { ...before, draining: undefined })
  }
  return [...targets.values()]
}

/** @param path where it stands, for the message */
export function listedTarget (value: unknown, path: string): ListedTarget {
  if (typeof value !== 'object' || value === null || value instanceof URL) return { ...targetConfig(value, path), draining: undefined }
  const { draining = false, ...config } = value as Record<string, unknown>
  if (typeof draining !== 'boolean' && (typeof draining !== 'string' || draining === '')) {
    throw BadOptionError(`${path}.draining: ${show(draining)}, must be true, false or a text that is not empty`)
  }
  return { ...targetConfig(config, path), draining: typeof draining === 'string' ? draining : draining ? DRAINING : undefined }
}
