/** What is asked of a gateway in one round. */
export type Plan = HttpPlan | SocketPlan | EventsPlan

export interface HttpPlan {
  readonly kind: 'http'
  readonly method: 'GET' | 'POST'
  /** Asked for in turn. */
  readonly paths: readonly string[]
  /** Bytes of the request's body. Default: none. */
  readonly body?: number
  readonly connections: number
}

/** Each client sends a message and waits for its echo. */
export interface SocketPlan {
  readonly kind: 'websocket'
  readonly path: string
  readonly bytes: number
  readonly connections: number
}

/** Each client listens to a stream of events. */
export interface EventsPlan {
  readonly kind: 'events'
  readonly path: string
  readonly connections: number
}

export interface Measured {
  /** Requests, messages or events. */
  readonly count: number
  readonly perSecond: number
  /** ms. */
  readonly p50: number
  readonly p99: number
  /** Whatever makes the round worthless, each in a few words. */
  readonly errors: readonly string[]
}

export interface Load {
  readonly name: string
  /** Resolves when all is ready to go: what it takes to open WebSockets, or streams of events, is not what is measured. */
  readonly prepare: (url: string, plan: Plan) => Promise<Prepared>
}

export interface Prepared {
  readonly run: (seconds: number) => Promise<Measured>
  /** Whether it has run or not. */
  readonly end: () => Promise<void>
}
