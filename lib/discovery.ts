import type { TargetConfig } from './target-config.js'

/** A target as a source of discovery tells of it. */
export interface DiscoveredTarget extends TargetConfig {
  /** Still there, but to get no new requests; a text is the reason that is shown. Default: false. */
  readonly draining?: boolean | string
}

/**
 * Says which targets exist: each yield is the whole list. A source that throws has failed this time; the pool keeps the last
 * list and asks again. One that returns has said all it had to say.
 *
 * @param signal ends the source; nothing that it yields after that is heard
 */
export type Discovery = (signal: AbortSignal) => AsyncIterable<ReadonlyArray<string | DiscoveredTarget>>
