export const UPSTREAMS = ['nginx', 'node'] as const
export type UpstreamName = typeof UPSTREAMS[number]

export interface UpstreamNeeds {
  readonly tls: boolean
  /** Whether WebSockets or events are wanted, which only the one of Node has. */
  readonly streams: boolean
}

export interface Upstream {
  readonly name: string
  readonly url: string
  /** The authority of its certificate, when it has one. */
  readonly caFile?: string
  readonly end: () => Promise<void>
}

/** The answer to anything that is not in `BODIES`: 28 bytes. */
export const JSON_BODY = '{"id":42,"name":"Ada Byron"}'

/** Bytes of the answers by path. */
export const BODIES: Readonly<Record<string, number>> = { '/1k': 1024, '/64k': 65_536, '/1m': 1_048_576 }
