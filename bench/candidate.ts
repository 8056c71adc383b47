import type { Configuration } from '../chaos/configuration.js'

/** A gateway that is measured: one file of `candidates/`, named as it is called. */
export type Candidate = NodeCandidate | ServerCandidate

/** What a workload needs of a candidate. */
export type Ability = 'http' | 'routes' | 'tls' | 'websocket' | 'events' | 'variants'

interface Described {
  /** A few words for the tables. */
  readonly about: string
  readonly can: readonly Ability[]
}

/** A program of Node: it is imported and started in a process of its own. */
export interface NodeCandidate extends Described {
  /** The packages whose versions are told. */
  readonly packages: readonly string[]
  /** Resolves with the URL at which it listens. */
  readonly start: (setup: Setup) => Promise<string>
}

/** A server that is installed on the machine. */
export interface ServerCandidate extends Described {
  readonly command: 'nginx' | 'haproxy' | 'caddy'
  readonly configure: (setup: Setup & Place) => Configuration
}

/** Survives being written as JSON. */
export interface Setup {
  readonly targets: readonly string[]
  /** The authority of the targets' certificates, which are to be verified. */
  readonly caFile?: string
  /** How many routes, `/r0`, `/r1`, …, are forwarded without their prefixes; 0: everything is, as it is. Default: 0. */
  readonly routes?: number
  /** Whether WebSockets have to be forwarded, where that is a choice. Default: false. */
  readonly websocket?: boolean
  /** For candidates with variants: options that are added to those of its registration. null takes one away. */
  readonly options?: Readonly<Record<string, unknown>>
}

export interface Place {
  readonly port: number
  /** Where files may be put. */
  readonly directory: string
}
