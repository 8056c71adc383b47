import type { Discovery } from '../discovery.js'

/** A source of discovery as a document can have it. */
export interface DiscoverySource {
  /** JSON Schema of its options, without `type`. */
  readonly schema: { readonly properties: Readonly<Record<string, object>>, readonly required?: readonly string[] }
  /** Makes it; loaded only when a document uses it. */
  readonly make: (options: Readonly<Record<string, unknown>>) => Promise<Discovery>
}

/** What `discovery.type` may be. One line each. */
export const SOURCES: Readonly<Record<string, DiscoverySource>> = {}
